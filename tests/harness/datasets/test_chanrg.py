"""The parts of CHANRG, read from a made set of its layout that a hub on this machine serves.

The layout is that of multimolecule's own conversion (``multimolecule/datasets/chanrg/chanrg.py``): three files, whose
column ``split`` tells the test parts apart. Nothing of the real set is here: its licence does not allow it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas
import pytest

from harness.datasets.manifest import manifests
from harness.datasets.resolve import load_dataset
from harness.errors import InputError
from tests.local_hub import LocalHub, point_at

PARTS = {
    "chanrg": "Test",
    "chanrg-unseen-family": "GenF",
    "chanrg-unseen-clan": "GenC",
    "chanrg-unseen-architecture": "GenA",
}


def row(split: str, number: int) -> dict[str, Any]:
    """Of the columns that the set's README lists."""
    shared = split in ("Train", "Validation", "Test")
    return {
        "id": f"AB{number}.1_{split}",
        "sequence": "GGAAACC",
        "secondary_structure": "((...))",
        "structural_annotation": "SSHHHSS",
        "functional_annotation": "NNNNNNN",
        "family": "RF00001" if shared else f"RF0100{number}",
        "clan": None if split == "GenF" else "CL00113" if shared else f"CL0020{number}",
        "architecture": "complex unclassified" if split == "GenA" else "rRNA",
        "super_family": None if split == "GenC" else "5S_rRNA",
        "split": split,
    }


def files(folder: Path, **changes: Any) -> dict[str, bytes]:
    """As ``save_dataset`` writes them; a value of None takes a column away."""
    found = {}
    for name, splits in (("train", ["Train"]), ("validation", ["Validation"]), ("test", [*PARTS.values()])):
        frame = pandas.DataFrame([row(split, number) for number, split in enumerate(splits)])
        for column, value in changes.items():
            frame = frame.drop(columns=column) if value is None else frame.assign(**{column: value})
        frame.to_parquet(folder / f"{name}.parquet", compression="brotli")
        found[f"{name}.parquet"] = (folder / f"{name}.parquet").read_bytes()
    return found | {"README.md": b"---\nlicense:\n  - agpl-3.0\n---\n# CHANRG\n"}


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalHub]:
    import datasets

    with LocalHub() as running:
        point_at(running, tmp_path / "hub", monkeypatch)
        monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "datasets")
        monkeypatch.delenv("HARNESS_DATA", raising=False)
        yield running


def test_every_part_has_the_same_training_records_and_a_test_part_of_its_own(server: LocalHub, tmp_path: Path) -> None:
    commit = server.add("multimolecule/chanrg", files(tmp_path), kind="dataset")
    for name, split in PARTS.items():
        data = load_dataset(name)
        assert [record.split for record in data.records] == ["train", "select", "test"]
        assert data.card.name == name and "non-commercial" in data.card.licence
        assert data.card.source.endswith(f"multimolecule/chanrg@{commit}")
        expected = row(split, list(PARTS.values()).index(split))
        test = data.records[-1]
        assert (test.id, test.family, test.clan) == (expected["id"], expected["family"], expected["clan"])
        assert test.pairs == ((0, 6), (1, 5)) and test.given_loop_types == "SSHHHSS"
    whole = load_dataset("multimolecule/chanrg")
    assert len(whole.records) == 6 and [record.split for record in whole.records[2:]] == ["test"] * 4


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"clan": None}, "hub dataset multimolecule/chanrg: no column 'clan'; found id, sequence"),
        ({"secondary_structure": None}, "no column 'secondary_structure'"),
        ({"split": "Train"}, "no record has the split GenC, Validation, which chanrg-unseen-clan is made of"),
        ({"split": None}, "no record has the split GenC, Train, Validation"),
    ],
)
def test_another_layout_is_refused(server: LocalHub, tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    server.add("multimolecule/chanrg", files(tmp_path, **changes), kind="dataset")
    with pytest.raises(InputError, match=message):
        load_dataset("chanrg-unseen-clan")


def test_a_new_split_is_refused(server: LocalHub, tmp_path: Path) -> None:
    made = files(tmp_path)
    frame = pandas.DataFrame([row("Test", 0), row("GenC", 1), row("GenX", 2)])
    frame.to_parquet(tmp_path / "test.parquet")
    made["test.parquet"] = (tmp_path / "test.parquet").read_bytes()
    server.add("multimolecule/chanrg", made, kind="dataset")
    with pytest.raises(InputError, match="split 'GenX' is not one of Train, Validation, GenC"):
        load_dataset("chanrg-unseen-clan")


def test_the_parts_cover_all_splits_that_the_whole_knows() -> None:
    whole = set(manifests()["multimolecule/chanrg"].splits or ())
    for name, split in PARTS.items():
        manifest = manifests()[name]
        assert manifest.splits == {"Train": "train", "Validation": "select", split: "test"}
        assert set(manifest.splits) | set(manifest.left_out) == whole
