"""No family trains, chooses and tests at once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.datasets.records import Record
from harness.errors import InputError, NotApplicable
from tasks.probe_structure.data import prepare
from tasks.probe_structure.settings import ProbeStructureSettings
from tasks.structure.data import Rna, StructureData
from tests.fakes import FakeModel
from tests.tasks.probe_structure.planted import dataset, records

SETTINGS = ProbeStructureSettings(limit=None)


def made(rows: list[Record], **settings: object) -> StructureData:
    return prepare(dataset(rows), FakeModel(), ProbeStructureSettings.model_validate({"limit": None} | settings))


def families(rnas: tuple[Rna, ...]) -> set[str | None]:
    return {rna.record.family for rna in rnas}


def ids(rnas: tuple[Rna, ...]) -> set[str]:
    return {rna.record.id for rna in rnas}


def test_given_splits_without_families_are_kept() -> None:
    found = made(records())
    for part, rnas in (("train", found.train), ("select", found.select), ("test", found.test)):
        assert ids(rnas) == {record.id for record in records() if record.split == part}
    assert found.split == "given" and not found.skipped


def test_a_family_in_several_splits_stays_in_one_and_the_rest_is_counted() -> None:
    rows = records(families=5)
    found = made(rows)
    parts = (found.train, found.select, found.test)
    assert all(parts) and sum(len(families(rnas)) for rnas in parts) == len(set().union(*map(families, parts))) == 5
    own = {record.id: record.split for record in rows}
    for part, rnas in zip(("train", "select", "test"), parts, strict=True):
        assert {own[name] for name in ids(rnas)} == {part}
    left = found.skipped["RNAs of a family that is kept in another split"]
    assert left == len(rows) - sum(map(len, parts)) > 0


def test_a_cluster_joins_families() -> None:
    rows = [replace(row, cluster="shared" if row.family in ("F0", "F1") else None) for row in records(families=5)]
    found = made(rows)
    [home] = [own for own in map(families, (found.train, found.select, found.test)) if "F0" in own]
    assert "F1" in home


def test_without_a_training_part_half_of_the_validation_families_train() -> None:
    rows = [replace(row, split="select" if row.split == "train" else row.split) for row in records()]
    found = made(rows)
    assert not ids(found.train) & ids(found.select) and abs(len(found.train) - len(found.select)) <= 1
    assert "half of the validation families train" in found.split
    assert ids(found.test) == {row.id for row in rows if row.split == "test"}


def test_without_splits_families_go_to_thirds() -> None:
    rows = [replace(row, split=None) for row in records(families=9)]
    found = made(rows)
    parts = (found.train, found.select, found.test)
    assert sum(len(families(rnas)) for rnas in parts) == 9
    assert max(map(len, parts)) - min(map(len, parts)) <= 6 and sum(map(len, parts)) == len(rows)


def test_too_few_families_are_refused_in_one_line() -> None:
    rows = [replace(row, split=None) for row in records(families=2)]
    with pytest.raises(InputError, match="has no RNAs for train: a probe is fitted, chosen and scored on RNAs of diff"):
        made(rows)
    with pytest.raises(NotApplicable, match="left out: sequences over 10 nt"):
        made(records(), longest=10)
    with pytest.raises(InputError, match="has no base pairs"):
        made([replace(row, pairs=None) for row in records()])


def test_a_limit_is_shared_by_the_three_parts() -> None:
    found = made(records(), limit=9)
    assert [len(part) for part in (found.train, found.select, found.test)] == [3, 3, 3]
