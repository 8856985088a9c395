"""Alignments from A3M, A2M and Stockholm files, and the choice of a few diverse sequences from a deep one."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

from harness.adapter import ModelCard
from harness.datasets import stockholm
from harness.datasets.content import read_content
from harness.datasets.records import Dataset, Record, normalise_sequence
from harness.errors import HarnessError, InputError
from harness.sequences.alignment import Alignment, ModelInput
from harness.storage.bounds import leads_outside

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FORMATS: dict[str, tuple[str, ...]] = {
    "a3m": (".a3m",),
    "a2m": (".a2m", ".a2m_msa2"),
    "stockholm": (".stk", ".sto", ".stockholm"),
}
MINIMUM_COVERAGE = 0.5
_INSERTIONS = re.compile(r"[a-z.*]")


def read_alignments(path: Path) -> tuple[Alignment, ...]:
    """All alignments of one file, gzipped (``.gz``) or not; the first sequence of each is its query.

    A3M and A2M hold one alignment, named by the file: lower-case letters are insertions relative to the query and are
    dropped, and so is ``.``, which only pads other rows' insertions. Stockholm holds one or many, named by accession
    (``#=GF AC``), else by ``#=GF ID``, else by the file: ``.``, ``~`` and ``_`` are gaps, and case means nothing.
    Letters are normalised as in records: T to U, IUPAC codes to N.

    Raises:
        InputError: the file is missing, damaged or of another format, a row has a foreign letter or another length, or
            the query is empty.
    """
    name = path.name.removesuffix(".gz")
    suffix = Path(name).suffix.lower()
    format = next((format for format, suffixes in FORMATS.items() if suffix in suffixes), None)
    if format is None:
        known = " ".join(suffix for suffixes in FORMATS.values() for suffix in suffixes)
        raise InputError(f"{path}: the suffix {suffix!r} is not one of {known} (each also with .gz)")
    text = _text(path)
    try:
        return _stockholm(text, Path(name).stem) if format == "stockholm" else (_insertions_dropped(text, name),)
    except HarnessError as error:
        raise InputError(f"{path}: {error}") from error
    except ValueError as error:  # of Biopython's readers
        raise InputError(f"{path} cannot be read as {format}: {' '.join(str(error).split())[:300]}") from error


def with_alignments(dataset: Dataset, folder: Path) -> Dataset:
    """The records of ``dataset`` that have an alignment ``<id>.a3m``, ``.a2m``, ``.sto``… in ``folder``, with it.

    The others are left out and counted under ``no alignment``.

    Raises:
        InputError: an alignment cannot be read, its query is not the record's sequence, or no record has one.
    """
    suffixes = [suffix + end for known in FORMATS.values() for suffix in known for end in ("", ".gz")]
    records = []
    for record in dataset.records:
        path = next((path for suffix in suffixes if (path := folder / (record.id + suffix)).is_file()), None)
        if path is None:
            continue
        if leads_outside(path, folder):
            raise InputError(f"record {record.id!r}: its alignment {path} lies outside {folder}: move it there")
        alignment = read_alignments(path)[0]
        if alignment.query != record.sequence:
            raise InputError(f"{path}: the first sequence is not that of record {record.id!r}")
        records.append(replace(record, alignment=alignment))
    if not records:
        raise InputError(f"{folder} contains no alignment named like a record, such as {dataset.records[0].id}.a3m")
    missing = len(dataset.records) - len(records)
    return dataset.subset(records, {"no alignment": missing} if missing else None)


def filter_depth(alignment: Alignment, depth: int) -> Alignment:
    """At most ``depth`` rows, chosen for diversity; an alignment that is no deeper is returned as it is.

    After the query comes, time and again, the row with the greatest mean Hamming distance to those chosen (the
    greedy rule of MSA Transformer), so that a lesser depth is a prefix of a greater one. Distances count the columns
    of the query. Rows that repeat an earlier one, or that cover less than half of the query, are no candidates;
    distances alone would favour such fragments.

    Raises:
        InputError: ``depth`` is less than 1.
    """
    import numpy as np

    if depth < 1:
        raise InputError(f"the depth of an alignment must be at least 1, not {depth}")
    if alignment.depth <= depth:
        return alignment
    letters = np.array([np.frombuffer(row.encode("ascii"), dtype=np.uint8) for row in alignment.rows])
    letters = letters[:, list(alignment.query_columns)]
    _, first = np.unique(letters, axis=0, return_index=True)
    covered = (letters != ord("-")).mean(axis=1) >= MINIMUM_COVERAGE
    candidates = [int(row) for row in np.sort(first) if covered[row] and row != 0]
    chosen = [0, *_farthest_first(letters, candidates, depth - 1)]
    return Alignment(alignment.name, tuple(alignment.rows[row] for row in chosen))


def _farthest_first(letters: NDArray[np.uint8], candidates: list[int], count: int) -> list[int]:
    import numpy as np

    remaining = np.array(candidates, dtype=np.int64)
    distance = np.zeros(len(remaining), dtype=np.int64)
    latest = 0
    chosen: list[int] = []
    while len(chosen) < count and len(remaining):
        distance += (letters[remaining] != letters[latest]).sum(axis=1)
        best = int(np.argmax(distance))
        latest = int(remaining[best])
        chosen.append(latest)
        remaining, distance = np.delete(remaining, best), np.delete(distance, best)
    return chosen


def _insertions_dropped(text: str, name: str) -> Alignment:
    from Bio.SeqIO.FastaIO import SimpleFastaParser

    if not text.lstrip().startswith(">"):
        raise InputError("the first line must start with '>'")
    rows = {
        f"{(title.split() or [''])[0]} (row {number})": _INSERTIONS.sub("", row)
        for number, (title, row) in enumerate(SimpleFastaParser(StringIO(text)), 1)
    }
    return _alignment(name.partition(".")[0], rows)


def _stockholm(text: str, name: str) -> tuple[Alignment, ...]:
    return tuple(
        _alignment(
            alignment.name or name,
            {
                f"{title} (row {number})": re.sub(r"[.~_]", "-", row)
                for number, (title, row) in enumerate(alignment.rows, 1)
            },
        )
        for alignment in stockholm.parse(text)
    )


def _alignment(name: str, rows: Mapping[str, str]) -> Alignment:
    width = len(next(iter(rows.values())))
    for title, row in rows.items():
        if len(row) != width:
            raise InputError(f"{title} has {len(row)} columns, but the first row has {width}")
    return Alignment(name, tuple(_normalised(title, row) for title, row in rows.items()))


def _normalised(title: str, row: str) -> str:
    if not row:
        return row
    letters, _ = normalise_sequence(row.replace("-", "N"), title)
    return "".join("-" if given == "-" else letter for given, letter in zip(row, letters, strict=True))


def _text(path: Path) -> str:
    # Rfam writes authors' names in Latin-1, which no byte can break
    return read_content(path).decode("latin-1").replace("\r\n", "\n")


def alignment_of(record: Record, family_asked: bool = False) -> Alignment:
    """The record's alignment, or its sequence as the only row where it has none.

    Where the record's family is what is asked (``family_asked``), the alignment of that family is left out: its rows
    are the members of the family, and any two members would be read with the same ones.
    """
    if record.alignment is None or (family_asked and _is_of_its_family(record)):
        return Alignment(record.id, (record.sequence,))
    return record.alignment


def _is_of_its_family(record: Record) -> bool:
    return record.alignment is not None and record.alignment.name == record.family


def model_inputs(
    card: ModelCard, records: Sequence[Record], depth: int | None = None, family_asked: bool = False
) -> list[ModelInput]:
    """What a model reads of every record: its alignment where the model has the capability ``alignment``, a sequence
    without one as the only row, and else the sequence.

    ``depth`` is the largest number of rows, chosen as in :func:`filter_depth`; None takes them all. ``family_asked`` as
    in :func:`alignment_of`.
    """
    if "alignment" not in card.capabilities:
        return [record.sequence for record in records]
    alignments = [alignment_of(record, family_asked) for record in records]
    return [*alignments] if depth is None else [filter_depth(alignment, depth) for alignment in alignments]


def read_alone(card: ModelCard, records: Sequence[Record], family_asked: bool = False) -> list[str]:
    """Notes for the record of a cell: how many sequences a model of alignments read without homologs, and why."""
    if "alignment" not in card.capabilities:
        return []
    bare = sum(alignment_of(record).depth == 1 for record in records)
    left_out = sum(alignment_of(record, family_asked).depth == 1 for record in records) - bare
    reasons = {
        "have no alignment": bare,
        "have the alignment of their own family, which would give the family away": left_out,
    }
    return [
        f"{count:,} of {len(records):,} sequences {reason}: {card.name} read them alone, without homologs"
        for reason, count in reasons.items()
        if count
    ]
