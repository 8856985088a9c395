"""Words name families at the level that says most; what a family belongs to comes from the tables that are there."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from harness.datasets.records import Dataset, DatasetCard, Record
from harness.errors import InputError
from tasks.sae_families.compare.levels import Levels, group_named, levels_of

COMPARED = ("RF00005", "RF01852", "RF00009", "X1")
LEVELS = Levels(
    {
        "clan": {"RF00005": ("tRNA",), "RF01852": ("tRNA",), "RF00009": ("RNaseP",)},
        "type": {"RF00009": ("Gene", "ribozyme")},
        "family": {"RF00005": ("RF00005", "tRNA"), "X1": ("X1",)},
    },
    {"RF00005": "tRNA"},
)


def dataset(clan: str | None = None) -> Dataset:
    records = tuple(Record(f"r{k}", "ACGU" * 5, family=name, clan=clan) for k, name in enumerate(COMPARED))
    return Dataset(DatasetCard(name="few", summary="few"), records)


@pytest.mark.parametrize(
    ("words", "families", "level"),
    [
        ("tRNA", ("RF00005", "RF01852"), "clan"),
        ("TRNA", ("RF00005", "RF01852"), "clan"),
        ("family:tRNA", ("RF00005",), "family"),
        ("ribozyme", ("RF00009",), "type"),
        ("RF00005+X1+family:tRNA", ("RF00005", "X1"), "family"),
        ("ribozyme+tRNA", ("RF00009", "RF00005", "RF01852"), "type, clan"),
    ],
)
def test_words_name_families(words: str, families: tuple[str, ...], level: str) -> None:
    found = group_named(words, LEVELS, COMPARED)
    assert (found.families, found.level) == (families, level)


@pytest.mark.parametrize("words", ["tRNAs", "type:tRNA", "tRNA+", "nothing:tRNA"])
def test_a_word_that_names_nothing_is_one_line(words: str) -> None:
    with pytest.raises(InputError, match="names none of the 4 compared families"):
        group_named(words, LEVELS, COMPARED)


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
    levels = levels_of(dataset(), path)
    assert group_named("all", levels, COMPARED).families == ("RF00005", "RF00009")
    assert group_named("kingdom:ALL", levels, COMPARED).level == "kingdom"


@pytest.mark.parametrize(
    ("name", "text"), [("a.csv", "name,kingdom\na,b\n"), ("a.csv", "family\na\n"), ("a.fa", ">a\nA\n")]
)
def test_other_tables_are_refused(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=r"needs a column called family|is no table"):
        levels_of(dataset(), tmp_path / name)
