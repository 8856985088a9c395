"""What families belong to comes from the tables that are there."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from harness.datasets.records import Dataset, DatasetCard, Record
from harness.errors import InputError
from tasks.levels import levels_of


def dataset(clan: str | None = None) -> Dataset:
    names = ("RF00005", "RF01852", "RF00009", "X1")
    records = tuple(Record(f"r{k}", "ACGU" * 5, family=name, clan=clan) for k, name in enumerate(names))
    return Dataset(DatasetCard(name="few", summary="few"), records)


def test_clans_are_those_of_multimolecules_table_or_of_the_dataset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HARNESS_DATA", raising=False)
    found = levels_of(dataset(), None)
    assert found.clan("RF00005") == "tRNA" and found.clan("RF00009") == "RNaseP" and found.clan("X1") is None
    assert found.of["architecture"]["RF00005"] == ("tRNA-like",) and not found.of["type"]
    assert found.name("RF00005") == "RF00005 tRNA" and found.name("X1") == "X1"
    assert levels_of(dataset("own"), None).clan("RF00005") == "own"


def test_types_are_read_from_the_alignments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "# STOCKHOLM 1.0\n#=GF AC   RF00005\n#=GF AU   Größe\n#=GF TP   Gene; tRNA;\n//\n#=GF AC   RF00009\n//\n"
    (tmp_path / "families").mkdir()
    (tmp_path / "families" / "rfam_seed_alignments.stk.gz").write_bytes(gzip.compress(text.encode("latin-1")))
    monkeypatch.setenv("HARNESS_DATA", str(tmp_path))
    assert levels_of(dataset(), None).of["type"] == {"RF00005": ("Gene", "tRNA")}


def test_columns_of_a_table_are_levels(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("family,kingdom\nRF00005,all\nX1,\nRF00009,all\n")
    assert levels_of(dataset(), path).of["kingdom"] == {"RF00005": ("all",), "RF00009": ("all",)}


@pytest.mark.parametrize(
    ("name", "text"), [("a.csv", "name,kingdom\na,b\n"), ("a.csv", "family\na\n"), ("a.fa", ">a\nA\n")]
)
def test_other_tables_are_refused(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=r"needs a column called family|is no table"):
        levels_of(dataset(), tmp_path / name)
