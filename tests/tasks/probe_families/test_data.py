"""One sequence of a cluster, a cluster in one part, and exactly as many examples as asked for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from harness.datasets.records import SPLITS, Record
from harness.errors import NotApplicable
from tasks.probe_families.data import FEWEST, MOST, FamilyData, prepare
from tasks.probe_families.settings import ProbeFamiliesSettings
from tests.tasks.probe_families.planted import FAMILIES, dataset, records


def made(rows: list[Record], **settings: object) -> FamilyData:
    return prepare(dataset(rows), ProbeFamiliesSettings.model_validate(settings))


def test_given_splits_are_kept_and_labels_are_families() -> None:
    found = made(records())
    for part in SPLITS:
        assert {r.id for r in found.records[part]} == {r.id for r in records() if r.split == part}
        assert [found.families[k] for k in found.labels[part]] == [r.family for r in found.records[part]]
    assert found.split == "given"


def test_a_cluster_gives_one_sequence_to_the_first_of_its_parts() -> None:
    copies = [replace(row, id=f"{row.id}x", sequence=row.sequence + "A", split="test") for row in records()]
    found = made(records() + copies)
    assert [len(found.records[part]) for part in SPLITS] == [24, 24, 24]
    clusters = [record.cluster for record in found.all]
    assert len(set(clusters)) == len(clusters)
    spread = [replace(row, cluster="c0", family="F1") if row.id == "s001" else row for row in records()]
    assert sum(record.cluster == "c0" for record in made(spread).all) == 1


def test_without_splits_every_family_keeps_examples_and_the_rest_is_shared() -> None:
    rows = [replace(row, split=None) for row in records()]
    found = made(rows)
    counts = {part: np.bincount(found.labels[part], minlength=FAMILIES).tolist() for part in SPLITS}
    assert counts == {"train": [6] * 4, "select": [6] * 4, "test": [6] * 4}
    many = made([replace(row, split=None) for row in records(40)])
    assert np.bincount(many.labels["test"]).tolist() == [MOST] * 4
    assert np.bincount(many.labels["train"]).tolist() == [20] * 4


def test_few_examples_are_among_many_and_exactly_as_many_as_asked_for() -> None:
    found = made(records())
    for seed in (0, 1):
        one, five, all_rows = (set(found.examples(count, seed).tolist()) for count in (1, 5, 20))
        assert one < five < all_rows and len(all_rows) == 24
        assert np.bincount(found.labels["train"][sorted(five)]).tolist() == [5] * 4
    assert found.examples(1, 0).tolist() != found.examples(1, 1).tolist()


def test_families_with_too_few_clusters_are_left_out_and_counted() -> None:
    rows = [row for row in records() if row.family != "F0" or row.split != "select"]
    found = made(rows)
    assert found.families == ("F1", "F2", "F3") and found.skipped["families with too few clusters"] == 1
    assert made(records(), limit=3).skipped["families beyond --limit"] == 1
    message = f"0 of 4 families have 7 clusters of sequences to train and {FEWEST} to choose and to test"
    with pytest.raises(NotApplicable, match=message):
        made(records(), examples=(1, 7))
    with pytest.raises(NotApplicable, match="left out: sequences over 10 nt"):
        made(records(), longest=10)
