"""Alignments to records: gaps dropped, consensus pairs mapped, checked column by column."""

from __future__ import annotations

import gzip
import random
import re
from pathlib import Path

import pytest

from harness.datasets.readers import read
from harness.datasets.records import Record
from harness.errors import InputError

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
    assert read(path).records == (
        Record("RF00001|a/1-6", "GGAACC", family="RF00001", pairs=((0, 5), (1, 4))),
        Record("RF00001|b", "GAACU", family="RF00001", pairs=((0, 4),)),
        Record("second|a/1-6", "GGACC", family="second"),
        Record("second|a/1-6x", "AAAUUU", family="second"),
    )


def test_pseudoknots_and_nameless_alignment(tmp_path: Path) -> None:
    path = tmp_path / "x.stk"
    path.write_text("# STOCKHOLM 1.0\n\na GGGAAACCC\n#=GC SS_cons <AA.>aa::\n//\n")
    assert read(path).records == (Record("a", "GGGAAACCC", pairs=((0, 4), (1, 6), (2, 5))),)


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
