"""Read files of records: the suffix gives the format, libraries parse it, and every error is one line."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

from harness.adapter import Alphabet
from harness.datasets import stockholm, structures, tables
from harness.datasets.content import read_content
from harness.datasets.proteins import chains
from harness.datasets.records import (
    Dataset,
    DatasetCard,
    Record,
    Split,
    build_dataset,
    normalise_sequence,
)
from harness.datasets.variants import reading as scans
from harness.errors import HarnessError, InputError
from harness.names import name_from, printable
from harness.storage.bounds import leads_outside

if TYPE_CHECKING:
    import pandas

FORMATS: dict[str, tuple[str, ...]] = {
    "fasta": (".fa", ".fas", ".fasta", ".fna", ".ffn", ".frn"),
    "csv": (".csv",),
    "tsv": (".tsv",),
    "parquet": (".parquet",),
    "dot-bracket": (".dbn", ".db"),
    "bpseq": (".bpseq",),
    "ct": (".ct",),
    "st": (".st", ".sta"),
    "stockholm": (".stk", ".sto", ".stockholm"),
    "pdb": (".pdb", ".ent"),
    "mmcif": (".cif", ".mmcif"),
}
STRUCTURE_FORMATS = ("dot-bracket", "bpseq", "ct", "st")
TABLE_FORMATS = ("csv", "tsv", "parquet")
PROTEIN_FORMATS = ("pdb", "mmcif")
"""Those of which a folder of files is one dataset: of structures, else of mutational scans, else of proteins."""
RFAM_HEADER = r"^(RF\d{5})\|"
"""A FASTA header ``>RF00001|X01556.1/3-118`` names its Rfam family before the bar."""


def read(
    path: Path,
    format: str | None = None,
    *,
    columns: Mapping[str, str] | None = None,
    splits: Mapping[str, Split] | None = None,
    family_pattern: str | None = None,
    card: DatasetCard | None = None,
) -> Dataset:
    """The records of one file, gzipped (``.gz``) or not, or of a folder of structures, mutational scans or proteins.

    In a folder, files of other formats are passed over; a record is called after its file, and by its own id too where
    the file holds several. A table with mutations or wild types is a mutational scan, and so is every table of a folder
    (:mod:`harness.datasets.variants.reading`). PDB and mmCIF files are read as proteins
    (:mod:`harness.datasets.proteins.chains`).

    Args:
        path: FASTA, CSV, TSV, Parquet, dot-bracket, BPSEQ, CT, ST, Stockholm, PDB or mmCIF; or a folder of dot-bracket,
            BPSEQ, CT or ST, of tables, or of PDB or mmCIF.
        format: one of :data:`FORMATS`; by default the suffix decides.
        columns: for tables, field of the record -> name of its column, where the name is not a usual one
            (:data:`harness.datasets.tables.COLUMNS`).
        splits: for tables, value of the split column -> train, select or test; by default the usual names.
        family_pattern: regular expression whose first group is the family of records that have none; it is searched
            for in the whole header of FASTA, else in the id.
        card: by default one that names the file.

    Raises:
        InputError: the file is missing, damaged or of another format, or a record in it is not usable.
    """
    if path.is_dir():
        rows, left_out, alphabet = _of_folder(path)
        with _named(path, "a folder"):
            card = card or _card(path, "folder", alphabet)
            return build_dataset(card, _with_families(rows, family_pattern), left_out)
    content = read_content(path)
    format = format or format_of(path)
    if format not in FORMATS:
        raise InputError(f"format {format!r} is not one of {', '.join(FORMATS)}")
    unread: tuple[str, ...] = ()
    left_out = {}
    with _named(path, format):
        if format in TABLE_FORMATS:
            frame = _frame(content, format)
            if scans.is_scan(frame):
                (rows, left_out), unread = scans.records(frame, stem(path)), scans.unread(frame)
            else:
                rows, unread = tables.records(frame, columns, splits), tables.unread(frame, columns or {})
        elif format == "stockholm":
            # Rfam writes authors' names in Latin-1, which no byte can break
            rows = stockholm.records(_text(content, "latin-1"))
        elif format == "fasta":
            rows, family_pattern = _fasta(_text(content), family_pattern or RFAM_HEADER), None
        elif format in PROTEIN_FORMATS:
            rows, left_out = chains.records(_text(content), format, stem(path))
        else:
            rows = structures.records(_text(content), format, stem(path))
        if nameless := next((number for number, row in enumerate(rows, 1) if not row.id), None):
            raise InputError(f"record {nameless} has no id")
        card = card or _card(path, format, "protein" if format in PROTEIN_FORMATS else "nucleotide")
        dataset = build_dataset(card, _with_families(rows, family_pattern), left_out)
        return replace(dataset, unread_columns=unread)


def format_of(path: Path) -> str:
    """The format that a file's suffix stands for.

    Raises:
        InputError: no format has this suffix.
    """
    suffix = Path(path.name.lower().removesuffix(".gz")).suffix
    for format, suffixes in FORMATS.items():
        if suffix in suffixes:
            return format
    known = " ".join(suffix for suffixes in FORMATS.values() for suffix in suffixes)
    raise InputError(f"{path}: the suffix {suffix!r} is not one of {known} (each also with .gz)")


def stem(path: Path) -> str:
    """The file's name without its suffix and ``.gz``; a folder's whole name."""
    return path.name if path.is_dir() else Path(path.name.removesuffix(".gz")).stem


def _card(path: Path, format: str, alphabet: Alphabet) -> DatasetCard:
    name = name_from(stem(path))
    if name is None:
        raise InputError("the dataset is named after its file, which has no letter A to Z or digit: rename it")
    what = "folder" if format == "folder" else f"{format} file"
    return DatasetCard(name, summary=f"{what} {printable(path.name)}", alphabet=alphabet)


def drop_duplicate_sequences(dataset: Dataset) -> Dataset:
    """Keep the first record of every distinct sequence and count the others under ``duplicate sequence``."""
    first = {record.sequence: record for record in reversed(dataset.records)}
    kept = [record for record in dataset.records if first[record.sequence] is record]
    dropped = len(dataset.records) - len(kept)
    return dataset.subset(kept, {"duplicate sequence": dropped} if dropped else None)


def _of_folder(folder: Path) -> tuple[list[Record], dict[str, int], Alphabet]:
    """Records with raw sequences, how many rows were left out, by reason, and what the letters are."""
    kinds = {formats: _files(folder, formats) for formats in (STRUCTURE_FORMATS, TABLE_FORMATS, PROTEIN_FORMATS)}
    formats, files = next(((formats, files) for formats, files in kinds.items() if files), ((), []))
    if not files:
        paired, tabular, coordinates = (" ".join(_suffixes(formats)) for formats in kinds)
        raise InputError(
            f"{folder} is a folder without structure files ({paired}), tables ({tabular}) or coordinates of proteins "
            f"({coordinates}): give a file in it"
        )
    if foreign := next((path for path in files if leads_outside(path, folder)), None):
        raise InputError(f"{foreign} is a link out of {folder}: put the file there")
    if formats == STRUCTURE_FORMATS:
        return _of_structures(files), {}, "nucleotide"
    if formats == TABLE_FORMATS:
        return *_of_scans(files), "nucleotide"
    return *_of_proteins(files), "protein"


def _files(folder: Path, formats: tuple[str, ...]) -> list[Path]:
    suffixes = _suffixes(formats)
    return [
        path
        for path in sorted(folder.iterdir())
        if path.is_file() and Path(path.name.lower().removesuffix(".gz")).suffix in suffixes
    ]


def _suffixes(formats: tuple[str, ...]) -> list[str]:
    return [suffix for format in formats for suffix in FORMATS[format]]


def _of_scans(files: list[Path]) -> tuple[list[Record], dict[str, int]]:
    rows: list[Record] = []
    skipped: Counter[str] = Counter()
    for path in files:
        format = format_of(path)
        with _named(path, format):
            own, left_out = scans.records(_frame(read_content(path), format), stem(path))
        rows += own
        skipped.update(left_out)
    return rows, dict(skipped)


def _of_proteins(files: list[Path]) -> tuple[list[Record], dict[str, int]]:
    rows: list[Record] = []
    skipped: Counter[str] = Counter()
    for path in files:
        format = format_of(path)
        content = read_content(path)
        with _named(path, format):
            own, left_out = chains.records(_text(content), format, stem(path))
        rows += own
        skipped.update(left_out)
    return rows, dict(skipped)


def _of_structures(files: list[Path]) -> list[Record]:
    rows = []
    for path in files:
        format = format_of(path)
        content = read_content(path)
        with _named(path, format):
            own = structures.records(_text(content), format, stem(path))
            for row in own:
                # here, where the file is known
                normalise_sequence(row.sequence, row.id)
                rows.append(replace(row, id=stem(path) if len(own) == 1 else f"{stem(path)}|{row.id}"))
    return rows


def _fasta(text: str, family_pattern: str) -> list[Record]:
    from Bio.SeqIO.FastaIO import SimpleFastaParser

    # the parser passes over whatever comes before the first header
    if not text.lstrip().startswith(">"):
        raise InputError("the first line of a FASTA file must start with '>'")
    pattern = _compiled(family_pattern)
    return [
        Record((title.split() or [""])[0], sequence, family=_family(pattern, title))
        for title, sequence in SimpleFastaParser(StringIO(text))
    ]


def _with_families(rows: list[Record], family_pattern: str | None) -> list[Record]:
    if family_pattern is None:
        return rows
    pattern = _compiled(family_pattern)
    return [replace(row, family=_family(pattern, row.id)) if row.family is None else row for row in rows]


def _family(pattern: re.Pattern[str], text: str) -> str | None:
    match = pattern.search(text)
    return match[1] if match else None


def _compiled(family_pattern: str) -> re.Pattern[str]:
    try:
        pattern = re.compile(family_pattern)
    except re.error as error:
        raise InputError(f"the family pattern {family_pattern!r} is not a regular expression: {error}") from error
    if not pattern.groups:
        raise InputError(f"the family pattern {family_pattern!r} has no group: put the family's part in parentheses")
    return pattern


def _frame(content: bytes, format: str) -> pandas.DataFrame:
    return tables.read_frame(content if format == "parquet" else _text(content).encode(), format)


def _text(content: bytes, encoding: str = "utf-8-sig") -> str:
    if b"\0" in content:
        raise InputError("the file is binary, not text")
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        raise InputError(f"byte {error.start + 1} is not UTF-8 text: save the file as UTF-8") from error
    return text.replace("\r\n", "\n").replace("\r", "\n")


@contextmanager
def _named(path: Path, format: str) -> Iterator[None]:
    """Put the file's name in front of every fault, and turn what a parser raises into one line."""
    try:
        yield
    except HarnessError as error:
        raise type(error)(f"{path}: {error}") from error
    except ImportError:
        raise
    except Exception as error:  # parsers raise anything on a damaged file, AssertionError and IndexError included
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"{path} cannot be read as {format}: {reason[:300]}") from error
