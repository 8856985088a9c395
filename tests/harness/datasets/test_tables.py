"""Columns and splits of tables; round trips and faults in files are in test_readers.py."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pandas
import pytest

from harness.datasets.records import Record
from harness.datasets.tables import records
from harness.errors import InputError


def test_columns_may_be_named() -> None:
    frame = pandas.DataFrame({"id": ["a"], "key": ["k"], "dna": ["ACGT"], "group": ["g"], "ss": ["(..)"]})
    named = {"id": "key", "sequence": "dna", "family": "group", "dotbracket": "ss"}
    assert records(frame, named) == [Record("k", "ACGT", family="g", pairs=((0, 3),))]


def test_named_columns_must_exist() -> None:
    frame = pandas.DataFrame({"id": ["a"], "seq": ["A"]})
    with pytest.raises(InputError, match="no column 'dna'; found id, seq"):
        records(frame, {"sequence": "dna"})
    with pytest.raises(InputError, match="'kind' is not a field of a record: id, sequence"):
        records(frame, {"kind": "seq"})


def test_missing_values_are_unknown_and_no_pairs_are_none() -> None:
    frame = pandas.DataFrame(
        {
            "id": [1, 2, 3, 4],
            "sequence": ["ACGU"] * 4,
            "clan": ["CL1", None, np.nan, ""],
            "base_pairs": [None, "", "[]", np.array([[4, 1]])],
        }
    )
    assert records(frame) == [
        Record("1", "ACGU", clan="CL1"),
        Record("2", "ACGU"),
        Record("3", "ACGU", pairs=()),
        Record("4", "ACGU", pairs=((0, 3),)),
    ]


def test_base_pairs_win_over_dot_brackets() -> None:
    frame = pandas.DataFrame({"id": ["a"], "seq": ["ACGU"], "structure": ["(..)"], "base_pairs": ["[[1, 3], [1, 4]]"]})
    assert records(frame)[0].pairs == ((0, 2), (0, 3))


def test_splits() -> None:
    values = ["TR0", "train", "Training", "VL1", "validation", "dev", "select", "TS2", "Test"]
    frame = pandas.DataFrame({"id": range(9), "seq": "A", "split": values})
    assert [r.split for r in records(frame)] == ["train"] * 3 + ["select"] * 4 + ["test"] * 2
    mapped = records(frame[:1], splits={"TR0": "test"})
    assert mapped[0].split == "test"
    with pytest.raises(InputError, match="record '1': split 'train' is not one of TR0"):
        records(frame, splits={"TR0": "train"})


def test_an_rna_may_be_called_na(tmp_path: Path) -> None:
    from harness.datasets.readers import read

    (tmp_path / "x.csv").write_text("id,seq,family\nNA,ACGU,null\n")
    assert read(tmp_path / "x.csv").records == (Record("NA", "ACGU", family="null"),)


def test_real_bprna(data_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from harness.datasets.resolve import load_dataset

    monkeypatch.setenv("HARNESS_DATA", str(data_folder))
    data = load_dataset("bprna-spot")
    assert Counter(r.split for r in data.records) == {"train": 10_814, "select": 1_300, "test": 1_305}
    assert sum(r.family is not None for r in data.records) == 11_937
    for record in data.records[:300]:
        assert record.pairs is not None and record.given_loop_types is not None
        paired = {i for pair in record.pairs for i in pair}
        stems = {i for i, letter in enumerate(record.given_loop_types) if letter == "S"}
        assert stems <= paired
