"""Stockholm files: the one parser of their alignments, and their rows as unaligned records."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from io import StringIO

from harness.datasets.records import Record, normalise_sequence
from harness.datasets.structures import pairs_of_dot_bracket
from harness.errors import InputError
from harness.sequences.alignment import Alignment

_GAPS = frozenset("-.~")


@dataclass(frozen=True)
class StockholmAlignment:
    """One alignment as it stands in the file.

    ``name`` is the accession (``#=GF AC``), else the identifier (``#=GF ID``), else None. ``rows`` are pairs of a
    sequence's name and its columns, gaps included; ``consensus`` is SS_cons in WUSS notation, where there is one.
    """

    name: str | None
    rows: tuple[tuple[str, str], ...]
    consensus: str | None


def parse(text: str) -> list[StockholmAlignment]:
    """All alignments of a file.

    Raises:
        InputError: no alignment, or one that is cut off.
        ValueError: what Biopython refuses.
    """
    *blocks, rest = re.split(r"^//\s*$", text, flags=re.MULTILINE)
    if rest.strip() or not blocks:
        raise InputError("the last alignment does not end with '//': the file is truncated or is not Stockholm")
    return [_alignment(block.lstrip() + "//\n") for block in blocks]


def records(text: str) -> list[Record]:
    """Raw sequences of all alignments in a file, gaps dropped.

    The alignment's name is the family, and it leads the id (``RF00005|AB003409.1/96-167``), because one sequence may
    sit in several alignments. Base pairs come from SS_cons (pseudoknots included); a pair of which one side is a gap is
    dropped. Every record has the alignment that it stands in, with its own row as the query.

    Raises:
        InputError: no alignment, one that is cut off, or brackets in SS_cons that do not match.
    """
    return [record for alignment in parse(text) for record in _records(alignment)]


def _alignment(block: str) -> StockholmAlignment:
    from Bio import AlignIO

    # Biopython's Stockholm reader keeps no #=GF lines
    names = dict(re.findall(r"^#=GF\s+(AC|ID)\s+(\S+)", block, re.MULTILINE))
    alignment = AlignIO.read(StringIO(block), "stockholm")
    rows = tuple((row.id, str(row.seq)) for row in alignment)
    return StockholmAlignment(
        names.get("AC", names.get("ID")), rows, alignment.column_annotations.get("secondary_structure")
    )


def _records(alignment: StockholmAlignment) -> list[Record]:
    family, consensus = alignment.name, alignment.consensus
    pairs = None if consensus is None else pairs_of_dot_bracket(consensus, f"SS_cons of {family or 'an alignment'}")
    found, rows = [], []
    for name, letters in alignment.rows:
        columns = [column for column, letter in enumerate(letters) if letter not in _GAPS]
        position = {column: index for index, column in enumerate(columns)}
        record = Record(
            f"{family}|{name}" if family else name,
            "".join(letters[column] for column in columns),
            family=family,
            pairs=None if pairs is None else _mapped(pairs, position),
        )
        found.append(record)
        rows.append(_aligned(record, position, len(letters)))
    written = tuple(rows)
    return [replace(record, alignment=Alignment(family or "unnamed", written, row)) for row, record in enumerate(found)]


def _aligned(record: Record, position: Mapping[int, int], width: int) -> str:
    """The record's row in the alphabet of records, with the gap ``-``."""
    sequence, _ = normalise_sequence(record.sequence, record.id)
    return "".join(sequence[position[column]] if column in position else "-" for column in range(width))


def _mapped(pairs: Iterable[tuple[int, int]], position: Mapping[int, int]) -> tuple[tuple[int, int], ...]:
    """Pairs of columns as pairs of nucleotides, where neither column is a gap; order is kept."""
    return tuple((position[i], position[j]) for i, j in pairs if i in position and j in position)
