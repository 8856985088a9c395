"""Alignments to records: gaps dropped, consensus pairs mapped, checked column by column."""

from __future__ import annotations

import gzip
import hashlib
import random
import re
from dataclasses import replace
from pathlib import Path

import pytest

from harness.datasets.readers import read
from harness.datasets.records import Dataset, Record
from harness.errors import InputError
from harness.sequences.alignment import Alignment

TWO = """# STOCKHOLM 1.0
#=GF ID   first
#=GF AC   RF00001
#=GF AU   Löwe

a/1-6      GG.AA~CC
b          g--AA-Ct
#=GC SS_cons <<,__->>

//
# STOCKHOLM 1.0
#=GF ID   second

a/1-6      GGA
a/1-6x     AAA

a/1-6      CC.
a/1-6x     UUU
//
"""


@pytest.mark.parametrize("name", ["x.stk", "x.sto.gz"])
def test_two_alignments(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    content = TWO.encode("latin-1")
    path.write_bytes(gzip.compress(content) if name.endswith("gz") else content)
    first, second = ("GG-AA-CC", "G--AA-CU"), ("GGACC-", "AAAUUU")
    assert read(path).records == (
        Record(
            "RF00001|a/1-6",
            "GGAACC",
            family="RF00001",
            pairs=((0, 5), (1, 4)),
            alignment=Alignment("RF00001", first),
        ),
        Record("RF00001|b", "GAACU", family="RF00001", pairs=((0, 4),), alignment=Alignment("RF00001", first, 1)),
        Record("second|a/1-6", "GGACC", family="second", alignment=Alignment("second", second)),
        Record("second|a/1-6x", "AAAUUU", family="second", alignment=Alignment("second", second, 1)),
    )


def test_every_record_is_the_query_of_the_alignment_that_it_stands_in(tmp_path: Path) -> None:
    path = tmp_path / "x.stk"
    path.write_bytes(TWO.encode("latin-1"))
    records = read(path).records
    for record in records:
        assert record.alignment is not None and record.alignment.query == record.sequence
        assert [record.alignment.rows[0][column] for column in record.alignment.query_columns] == list(record.sequence)
    one, other = (record.alignment for record in records[:2])
    assert one is not None and other is not None
    assert other.rows == one.rows[::-1] and other.depth == 2 and other.shallow(1).rows == (one.rows[1],)
    assert other.written is one.written  # the rows of a family are in memory once


def test_rows_of_a_family_are_hashed_once_and_a_changed_one_is_another_dataset(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = ["".join(random.Random(row).choices("ACGU-", k=60)) for row in range(200)]
    path = tmp_path / "x.stk"

    def dataset(rows: list[str]) -> Dataset:
        body = "\n".join(f"s{number} {row}" for number, row in enumerate(rows))
        path.write_text(f"# STOCKHOLM 1.0\n#=GF AC RF1\n\n{body}\n//\n")
        return read(path)

    lengths: list[int] = []
    sha256 = hashlib.sha256

    def watched(content: bytes) -> object:
        lengths.append(len(content))
        return sha256(content)

    whole = dataset(rows)
    with monkeypatch.context() as patch:
        patch.setattr(hashlib, "sha256", watched)
        fingerprint = whole.fingerprint
    # the rows, and the lines of the records, the first of which holds the rows as well
    assert len(lengths) == 2 and sum(lengths) < 5 * 200 * 60
    # one letter of a row that is not a record of the subset
    changed = dataset([*rows[:-1], rows[-1].replace("A", "C", 1)])
    kept = [data.subset(data.records[1:50]).fingerprint for data in (whole, changed)]
    assert fingerprint != changed.fingerprint and kept[0] != kept[1]
    assert whole.subset(replace(record, alignment=None) for record in whole.records).fingerprint != fingerprint


def test_pseudoknots_and_nameless_alignment(tmp_path: Path) -> None:
    path = tmp_path / "x.stk"
    path.write_text("# STOCKHOLM 1.0\n\na GGGAAACCC\n#=GC SS_cons <AA.>aa::\n//\n")
    assert read(path).records == (
        Record("a", "GGGAAACCC", pairs=((0, 4), (1, 6), (2, 5)), alignment=Alignment("unnamed", ("GGGAAACCC",))),
    )


FAULTS = {
    "unbalanced": ("# STOCKHOLM 1.0\n#=GF AC RF1\n\na GGG\n#=GC SS_cons <<>\n//\n", "SS_cons of RF1.*position 1"),
    "no rows": ("# STOCKHOLM 1.0\n//\n", "cannot be read as stockholm"),
    "ragged": ("# STOCKHOLM 1.0\n\na GGG\nb GG\n//\n", "cannot be read as stockholm"),
    "all gaps": ("# STOCKHOLM 1.0\n\na GGG\nb ---\n//\n", "record 'b' has no sequence"),
    "twice": ("# STOCKHOLM 1.0\n#=GF AC R\n\na GG\n//\n# STOCKHOLM 1.0\n#=GF AC R\n\na GG\n//\n", r"'R\|a' occurs 2"),
    "protein": ("# STOCKHOLM 1.0\n\na GGELF\n//\n", "record 'a', position 3: 'E' is not"),
    "after the end": ("# STOCKHOLM 1.0\n\na GG\n//\nrubbish\n", "does not end with '//'"),
}


@pytest.mark.parametrize("case", FAULTS)
def test_faults_are_one_line(tmp_path: Path, case: str) -> None:
    content, message = FAULTS[case]
    path = tmp_path / "x.stk"
    path.write_text(content)
    with pytest.raises(InputError, match=message) as caught:
        read(path)
    assert "\n" not in str(caught.value) and str(path) in str(caught.value)


def test_real_alignments(data_folder: Path) -> None:
    path = data_folder / "families/rfam_seed_alignments.stk.gz"
    data = read(path)
    assert len(data.records) == 11_295 and len(data.families) == 433
    assert all(record.pairs is not None for record in data.records)
    assert all(record.alignment and record.alignment.query == record.sequence for record in data.records)
    text = gzip.decompress(path.read_bytes()).decode("latin-1")
    blocks = {re.search(r"AC\s+(RF\d+)", block)[1]: block for block in text.split("\n//")[:-1]}  # type: ignore[index]
    for record in random.Random(0).sample(data.records, 100):
        rows = [line.split() for line in blocks[str(record.family)].splitlines()]
        name = record.id.partition("|")[2]
        row = "".join(words[1] for words in rows if words and words[0] == name)
        consensus = "".join(words[2] for words in rows if words[:2] == ["#=GC", "SS_cons"])
        assert record.sequence == re.sub("[^ACGU]", "N", re.sub("[-.]", "", row.upper().replace("T", "U")))
        assert record.pairs == tuple(sorted(slow_pairs(row, consensus)))


def slow_pairs(row: str, consensus: str) -> list[tuple[int, int]]:
    """For every opening column, walk to the column where its own kind is balanced again."""
    found = []
    for i, opening in enumerate(consensus):
        if opening not in "([{<ABCD":
            continue
        closing = ")]}>abcd"["([{<ABCD".index(opening)]
        depth = 0
        for j in range(i, len(consensus)):
            depth += (consensus[j] == opening) - (consensus[j] == closing)
            if depth == 0:
                break
        if row[i] not in "-." and row[j] not in "-.":
            found.append(tuple(k - sum(letter in "-." for letter in row[:k]) for k in (i, j)))
    return found  # type: ignore[return-value]
