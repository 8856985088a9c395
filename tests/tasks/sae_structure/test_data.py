"""Which RNAs train, choose and are scored."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from harness.datasets.records import Dataset
from harness.errors import NotApplicable
from tasks.sae_structure.data import prepare
from tasks.sae_structure.settings import SaeStructureSettings
from tests.tasks.sae_structure.planted import KNOWN, NEW, planted_dataset

DATA = planted_dataset()
SETTINGS = SaeStructureSettings()


def changed(**changes: object) -> Dataset:
    return DATA.subset(replace(record, **changes) for record in DATA.records)  # type: ignore[arg-type]


def test_given_splits_hold_and_new_families_are_marked() -> None:
    data = prepare(DATA, SETTINGS)
    assert data.split == "given" and not data.skipped
    assert all(r.split == split for split in ("train", "select", "test") for r in getattr(data, split))
    assert [bool(new) for new in data.new] == [(r.family or "").startswith("N") for r in data.test]
    assert data.new.sum() == NEW and len(data.test) == NEW + KNOWN
    assert data.test_units == tuple(f"family {r.family}" for r in data.test)


def test_a_shared_cluster_or_an_unknown_family_is_not_new() -> None:
    first, second = [r.id for r in DATA.records if (r.family or "").startswith("N")][:2]
    train = next(r for r in DATA.records if r.split == "train")
    records = [
        replace(r, cluster=train.cluster) if r.id == first else replace(r, family=None) if r.id == second else r
        for r in DATA.records
    ]
    data = prepare(DATA.subset(records), SETTINGS)
    assert data.new.sum() == NEW - 2
    assert dict(zip((r.id for r in data.test), data.test_units, strict=True))[second] == second


def test_records_without_structure_and_duplicates_are_left_out_and_counted() -> None:
    records = list(DATA.records)
    records[0] = replace(records[0], pairs=None)
    records[1] = replace(records[1], sequence=records[2].sequence, pairs=records[2].pairs)
    data = prepare(DATA.subset(records), SETTINGS)
    assert data.skipped == {"records without structure": 1, "exact duplicates": 1}
    assert len(data.used) == len(DATA.records) - 2


def test_without_splits_kin_stay_together() -> None:
    shared = [replace(r, split=None, family=f"F{number // 4}") for number, r in enumerate(DATA.records)]
    data = prepare(DATA.subset(shared), SETTINGS)
    families = [{r.family for r in part} for part in (data.train, data.select, data.test)]
    assert all(families) and not families[0] & families[1] and not families[2] & (families[0] | families[1])
    assert data.split == "by family and cluster, made here" and data.new.all()
    assert len(data.train) == pytest.approx(len(DATA.records) / 2, abs=4)
    three = [replace(r, split=None, family=f"F{number % 3}") for number, r in enumerate(DATA.records)]
    data = prepare(DATA.subset(three), SETTINGS)
    assert [len({r.family for r in part}) for part in (data.train, data.select, data.test)] == [1, 1, 1]


def test_a_limit_takes_as_many_of_each_split_and_leaves_what_is_new_as_it_is() -> None:
    data = prepare(DATA, SaeStructureSettings(limit=30))
    assert [len(part) for part in (data.train, data.select, data.test)] == [10, 10, 10]
    assert data.skipped == {"records beyond --limit": len(DATA.records) - 30}
    assert np.array_equal(data.new, [(r.family or "").startswith("N") for r in data.test])


@pytest.mark.parametrize(
    ("dataset", "settings", "reason"),
    [
        (changed(pairs=None), SETTINGS, "has no structures: sae-structure needs base pairs or loop types"),
        (changed(split="test"), SETTINGS, "has no train RNA with structure$"),
        (DATA, SaeStructureSettings(longest=5), r"has no train RNA .*left out: sequences over 5 nt\)"),
    ],
)
def test_what_cannot_be_scored_is_not_applicable(dataset: Dataset, settings: SaeStructureSettings, reason: str) -> None:
    with pytest.raises(NotApplicable, match=reason):
        prepare(dataset, settings)
