"""Which sequences are used, and that splits never share a cluster."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from harness.datasets.records import Dataset, DatasetCard, Record
from harness.errors import NotApplicable
from tasks.sae_families.data import ScoredFamilies, prepare
from tasks.sae_families.settings import SaeFamiliesSettings as Settings


def random_sequence(generator: np.random.Generator, length: int) -> str:
    return "".join(generator.choice(list("ACGU"), length))


def dataset(families: int = 3, clusters: int = 26, with_clusters: bool = True) -> Dataset:
    generator = np.random.default_rng(0)
    records = [
        Record(
            id=f"F{family}/{cluster}/{copy}",
            sequence=random_sequence(generator, 40),
            family=f"F{family}",
            cluster=f"F{family}/{cluster}" if with_clusters else None,
        )
        for family in range(families)
        for cluster in range(clusters)
        for copy in range(2)
    ]
    return Dataset(DatasetCard(name="made", summary="random"), tuple(records))


def rows(data: ScoredFamilies, split: str) -> list[int]:
    return (data.items.select if split == "select" else data.items.test).tolist()


def test_ten_clusters_a_family_in_select_and_in_test_and_none_on_two_sides() -> None:
    data = prepare(dataset(), Settings())
    sides = {split: {data.scored_clusters[row] for row in rows(data, split)} for split in ("select", "test")}
    sides["train"] = {record.cluster for record in data.train if record.cluster}
    assert not sides["select"] & sides["test"] and not (sides["select"] | sides["test"]) & sides["train"]
    for labels in (data.items.select_labels, data.items.test_labels):
        assert Counter(labels.tolist()) == {0: 10, 1: 10, 2: 10}
    assert len(data.train) == 3 * 6 * 2
    for record, label in zip(
        (data.scored[row] for row in rows(data, "test")), data.items.test_labels.tolist(), strict=True
    ):
        assert record.family == data.items.families[label]


def test_the_order_of_the_records_does_not_matter() -> None:
    made = dataset()
    shuffled = made.subset(reversed(made.records))
    assert prepare(made, Settings()).scored == prepare(shuffled, Settings()).scored


def test_limit_takes_families_by_hash_and_trains_on_them_alone() -> None:
    data = prepare(dataset(families=6), Settings(limit=2))
    assert data.eligible == 6 and len(data.items.families) == 2
    assert {record.family for record in data.train} == set(data.items.families)
    assert data.items.families != ("F0", "F1")
    more = prepare(dataset(families=6), Settings(limit=3))
    assert set(data.items.families) < set(more.items.families)


def test_what_is_left_out_is_counted() -> None:
    made = dataset()
    odd = (
        Record("long", "A" * 500, "F0", cluster="long"),
        Record("unknown", "N" * 30 + "ACGU", "F0", cluster="unknown"),
        Record("copy", made.records[0].sequence, "F0", cluster="copy"),
        Record("lonely", "ACGUACGU", "F9", cluster="lonely"),
    )
    data = prepare(made.subset((*made.records, *odd)), Settings())
    assert data.skipped["sequences over 440 nt"] == 1
    assert data.skipped["sequences of mostly N"] == 1
    assert data.skipped["exact duplicates"] == 1
    assert data.skipped["families with fewer than 25 clusters"] == 1
    assert "lonely" in {record.id for record in data.train}


def test_clusters_are_computed_where_the_dataset_has_none() -> None:
    data = prepare(dataset(with_clusters=False), Settings())
    # random sequences of 40 nt are never 80 % identical, so every record is a cluster
    assert len(set(data.scored_clusters)) == len(data.scored) == 60


def test_families_of_one_member_cannot_be_scored() -> None:
    with pytest.raises(NotApplicable, match="0 of 3 families have 25 clusters or more"):
        prepare(dataset(clusters=1), Settings())


def test_lengths_that_are_not_taken_are_counted_and_named_where_too_little_is_left() -> None:
    made = dataset()
    longer = [replace(r, sequence=r.sequence[:39] if k % 4 else r.sequence) for k, r in enumerate(made.records)]
    codons = Settings(length_multiple=3)
    data = prepare(made.subset(longer), codons)
    reason = "sequences that are not whole codons of 3 nt"
    assert data.skipped[reason] == 39 and {len(r.sequence) for r in (*data.train, *data.scored)} == {39}
    with pytest.raises(
        NotApplicable, match=f"0 of 0 families have 25 clusters or more.*156 left out: {reason}"
    ) as caught:
        prepare(made, codons)
    assert "\n" not in str(caught.value)
