"""Mutational scans from tables and folders of tables; every fault is one line that names the row."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness.datasets.readers import read
from harness.datasets.records import Dataset, Variant
from harness.datasets.resolve import load_dataset
from harness.errors import InputError

WAYS = {
    "mutations and a wild type": 'wild_type,mutations,score\nGACU,G1A,0.5\nGACU,"G1A,U4C",-1\n',
    "T for U, lower case": "wt,mutant,fitness\ngact,g1a,0.5\nGACT,G1A:T4C,-1\n",
    "sequences and a wild type": "wild_type,sequence,score\nGACU,AACU,0.5\nGACU,AACC,-1\n",
    "sequences and mutations": 'mutant,sequence,DMS_score\nG1A,AACU,0.5\n"G1A,U4C",AACC,-1\n',
    "a row that holds the wild type": "id,seq,mutations,score\nWT,GACU,,\na,,G1A,0.5\nb,,G1A U4C,-1\n",
    "sequences and that row": "id,seq,wt,score\nwt,gact,,\na,AACU,,0.5\nb,AACC,,-1\n",
}


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def facts(data: Dataset) -> dict[str, tuple[str | None, str, float]]:
    return {r.sequence: (r.family, r.variant.wild_type, r.variant.score) for r in data.records}


@pytest.mark.parametrize("way", WAYS)
def test_every_way_to_give_a_scan(way: str, tmp_path: Path) -> None:
    data = read(write(tmp_path / "mine.csv", WAYS[way]))
    assert facts(data) == {"AACU": ("mine", "GACU", 0.5), "AACC": ("mine", "GACU", -1.0)}
    assert data.skipped == ({"variants without a score": 1} if "row" in way else {})


def test_ids_pairs_assays_and_columns_that_are_not_read(tmp_path: Path) -> None:
    text = "DMS_id,wt,mutant,score,structure,note\nx,GACU,G1A,1,(..),n\ny,GACU,G1A,2,(..),n\nx,GACU,WT,3,(..),n\n"
    data = read(write(tmp_path / "mine.csv", text))
    assert [r.id for r in data.records] == ["x/G1A", "x/WT", "y/G1A"]
    assert data.families == ["x", "y"] and data.unread_columns == ("note",)
    assert {r.pairs for r in data.records} == {((0, 3),)}


def test_variants_of_another_length_are_read(tmp_path: Path) -> None:
    data = read(write(tmp_path / "mine.csv", "wt,seq,score,structure\nGACU,GAACU,1,(..)\nGACU,AACU,2,(..)\n"))
    assert [r.id for r in data.records] == ["mine/row 1", "mine/G1A"]
    assert [r.pairs for r in data.records] == [None, ((0, 3),)]


def test_a_folder_of_scans_is_one_dataset(tmp_path: Path) -> None:
    folder = tmp_path / "scans"
    folder.mkdir()
    write(folder / "one.csv", WAYS["mutations and a wild type"])
    write(folder / "two.tsv", WAYS["sequences and a wild type"].replace(",", "\t"))
    write(folder / "notes.txt", "not a table")
    data = load_dataset(str(folder))
    assert data.families == ["one", "two"] and len(data.records) == 4 and data.card.name == "scans"
    write(folder / "three.csv", "id,sequence\na,ACGU\n")
    with pytest.raises(InputError, match=r"three\.csv: no column score or dms_score or fitness; found id, sequence"):
        load_dataset(str(folder))


def test_a_score_alone_makes_no_scan_of_a_table(tmp_path: Path) -> None:
    data = read(write(tmp_path / "mine.csv", "id,sequence,score\na,ACGU,1\n"))
    assert data.records[0].variant is None and data.unread_columns == ("score",)


def test_fitness_and_wild_type_are_part_of_the_fingerprint(tmp_path: Path) -> None:
    data = read(write(tmp_path / "mine.csv", WAYS["sequences and a wild type"]))
    first, *others = data.records
    prints = {data.fingerprint}
    for variant in (None, Variant("GACU", 0.6), Variant("GACA", 0.5)):
        prints.add(data.subset([replace(first, variant=variant), *others]).fingerprint)
    assert len(prints) == 4


FAULTS = {
    "no score": ("wt,mutant\nGACU,G1A\n", "no column score or dms_score or fitness; found wt, mutant"),
    "no variant": ("wt,score\nGACU,1\n", "no column mutations or mutation or mutant or sequence or seq"),
    "no wild type": ("mutations,score\nG1A,1\n", "mine has no wild type: give it in a column wild_type or as the"),
    "score is text": ("wt,mutant,score\nGACU,G1A,high\n", r"row 1 \(G1A\): the score 'high' is not a number"),
    "score is infinite": ("wt,mutant,score\nGACU,G1A,inf\n", r"row 1 \(G1A\): the score 'inf' is not a number"),
    "other letter": ("wt,mutant,score\nGACU,A2C,1\nGACU,C1A,1\n", r"row 2 \(C1A\): C1A does not fit the wild type"),
    "beyond the end": ("wt,mutant,score\nGACU,U5A,1\n", "U5A does not fit the wild type, which has 4 nucleotides"),
    "no substitution": ("wt,mutant,score\nGACU,G1,1\n", r"row 1 \(G1\): 'G1' is not a substitution such as A12C"),
    "twice": (
        "wt,mutant,score\nGACU,G1A,1\nGACU,A2C,1\nGACU,G1A,2\n",
        r"row 3 \(G1A\): the same variant .* as in row 1",
    ),
    "two wild types": ("wt,mutant,score\nGACU,G1A,1\nGACC,G1A,1\n", r"row 2 \(G1A\): another wild type of mine than"),
    "undone": ("mutant,sequence,score\nG1A,AACU,1\nG1A,AACC,1\n", r"row 2 \(G1A\): another wild type of mine than"),
    "not undone": (
        "mutant,sequence,score\nG1A,CACU,1\n",
        r"row 1 \(G1A\): the sequence does not have the mutations G1A",
    ),
    "sequence differs": (
        "wt,mutant,sequence,score\nGACU,G1A,AACC,1\n",
        r"row 1 \(G1A\): the sequence is not the wild type with these mutations",
    ),
    "neither": ("wt,mutant,sequence,score\nGACU,,,1\n", "row 1: neither a sequence nor mutations"),
    "protein": ("wt,mutant,sequence,score\nGACU,,MEEL,1\n", "'E' is not a nucleotide"),
    "structure": (
        "wt,mutant,structure,score\nGACU,G1A,(.),1\n",
        r"row 1 \(G1A\): 3 dot-bracket letters for a wild type",
    ),
}


@pytest.mark.parametrize("case", FAULTS)
def test_faults_are_one_line(case: str, tmp_path: Path) -> None:
    text, message = FAULTS[case]
    with pytest.raises(InputError, match=message) as caught:
        read(write(tmp_path / "mine.csv", text))
    assert "\n" not in str(caught.value) and "mine.csv" in str(caught.value)
