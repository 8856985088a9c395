"""Read files of records: the suffix gives the format, libraries parse it, and every error is one line."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from io import StringIO
from pathlib import Path

from harness.datasets import stockholm, structures, tables
from harness.datasets.content import read_content
from harness.datasets.records import Dataset, DatasetCard, Record, Split, build_dataset
from harness.errors import HarnessError, InputError
from harness.names import name_from, printable

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
}
RFAM_HEADER = r"(RF\d{5})\|"
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
    """The records of one file, gzipped (``.gz``) or not.

    Args:
        path: FASTA, CSV, TSV, Parquet, dot-bracket, BPSEQ, CT, ST or Stockholm.
        format: one of :data:`FORMATS`; by default the suffix decides.
        columns: for tables, field of the record -> name of its column, where the name is not a usual one
            (:data:`harness.datasets.tables.COLUMNS`).
        splits: for tables, value of the split column -> train, select or test; by default the usual names.
        family_pattern: regular expression whose first group, matched at the start of the id, is the family.
        card: by default one that names the file.

    Raises:
        InputError: the file is missing, damaged or of another format, or a record in it is not usable.
    """
    content = read_content(path)
    format = format or format_of(path)
    if format not in FORMATS:
        raise InputError(f"format {format!r} is not one of {', '.join(FORMATS)}")
    if family_pattern is None and format == "fasta":
        family_pattern = RFAM_HEADER
    with _named(path, format):
        rows = _rows(content, path, format, columns or {}, splits)
        if nameless := next((number for number, row in enumerate(rows, 1) if not row.id), None):
            raise InputError(f"record {nameless} has no id")
        if family_pattern is not None:
            rows = [_with_family(row, re.compile(family_pattern)) for row in rows]
        return build_dataset(card or _card(path, format), rows)


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
    """The file's name without its suffix and ``.gz``."""
    return Path(path.name.removesuffix(".gz")).stem


def _card(path: Path, format: str) -> DatasetCard:
    name = name_from(stem(path))
    if name is None:
        raise InputError("the dataset is named after its file, which has no letter A to Z or digit: rename it")
    return DatasetCard(name, summary=f"{format} file {printable(path.name)}")


def drop_duplicate_sequences(dataset: Dataset) -> Dataset:
    """Keep the first record of every distinct sequence and count the others under ``duplicate sequence``."""
    first = {record.sequence: record for record in reversed(dataset.records)}
    kept = [record for record in dataset.records if first[record.sequence] is record]
    dropped = len(dataset.records) - len(kept)
    return dataset.subset(kept, {"duplicate sequence": dropped} if dropped else None)


def _rows(
    content: bytes, path: Path, format: str, columns: Mapping[str, str], splits: Mapping[str, Split] | None
) -> list[Record]:
    if format in ("csv", "tsv", "parquet"):
        frame = tables.read_frame(content if format == "parquet" else _text(content).encode(), format)
        return tables.records(frame, columns, splits)
    if format == "stockholm":
        # Rfam writes authors' names in Latin-1, which no byte can break
        return stockholm.records(_text(content, "latin-1"))
    text = _text(content)
    return _fasta(text) if format == "fasta" else structures.records(text, format, stem(path))


def _fasta(text: str) -> list[Record]:
    from Bio.SeqIO.FastaIO import SimpleFastaParser

    # the parser passes over whatever comes before the first header
    if not text.lstrip().startswith(">"):
        raise InputError("the first line of a FASTA file starts with '>'")
    return [Record((title.split() or [""])[0], sequence) for title, sequence in SimpleFastaParser(StringIO(text))]


def _with_family(row: Record, pattern: re.Pattern[str]) -> Record:
    if row.family is None and (match := pattern.match(row.id)):
        return replace(row, family=match[1])
    return row


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
