"""Halves share no cluster, and large families keep the select and test sequences that they have in sae-families."""

from __future__ import annotations

import numpy as np
import pytest

from harness.datasets.records import Dataset, DatasetCard, Record
from harness.errors import InputError, NotApplicable
from tasks.sae_families.compare.data import PER_HALF, compared_families
from tasks.sae_families.data import prepare
from tasks.sae_families.settings import SaeFamiliesSettings

SETTINGS = SaeFamiliesSettings()
SIZES = {"F0": 30, "F1": 26, "F2": 7, "F3": 6, "F4": 5}


def dataset() -> Dataset:
    generator = np.random.default_rng(0)
    records = tuple(
        Record(f"{family}/{number}", "".join(generator.choice(list("ACGU"), 50)), family, cluster=f"{family}{number}")
        for family, size in SIZES.items()
        for number in range(size)
    )
    return Dataset(DatasetCard(name="few", summary="few"), records)


def test_halves_and_what_is_left() -> None:
    found = compared_families(dataset(), SETTINGS, 6)
    assert found.families == ("F0", "F1", "F2", "F3")
    sizes = [np.bincount(found.labels[rows]).tolist() for rows in (found.select, found.test)]
    assert sizes == [[PER_HALF, PER_HALF, 4, 3], [PER_HALF, PER_HALF, 3, 3]]
    names = [record.cluster for record in found.records]
    assert len(set(names)) == len(names) == 53
    assert {record.id for record in (*found.records, *found.others)} == {record.id for record in dataset().records}
    own = found.of_family(2)
    assert (found.labels[own] == 2).all() and found.held_out[own].tolist() == [True] * 3 + [False] * 4
    assert found.member(found.test).sum(axis=0).tolist() == sizes[1]


def test_large_families_keep_their_splits() -> None:
    found, cell = compared_families(dataset(), SETTINGS, 6), prepare(dataset(), SETTINGS)
    for rows, of_cell in ((found.select, cell.items.select), (found.test, cell.items.test)):
        mine = {found.records[row].id for row in rows if found.labels[row] < 2}
        assert mine == {cell.scored[row].id for row in of_cell}


@pytest.mark.parametrize(("clusters", "error"), [(1, InputError), (31, NotApplicable)])
def test_what_cannot_be_halved_is_refused(clusters: int, error: type[Exception]) -> None:
    with pytest.raises(error):
        compared_families(dataset(), SETTINGS, clusters)
