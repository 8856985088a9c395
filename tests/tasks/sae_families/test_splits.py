from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import NotApplicable
from tasks.sae_families.splits import family_splits, minimum_detectable_difference


def records(**clusters_per_family: int):
    """Two records per cluster."""
    rows = [(f, f"{f}-{k}") for f, count in clusters_per_family.items() for k in range(count) for _ in range(2)]
    return [f for f, _ in rows], [c for _, c in rows]


def test_clusters_go_to_select_and_test_until_each_holds_ten_and_the_rest_to_train():
    family, cluster = records(tRNA=40, SRP=25, rare=24)
    splits = family_splits([*family, None], [*cluster, "unlabelled"], [None] * (len(family) + 1))
    assert splits.families == ("SRP", "tRNA")
    held = Counter((f, s) for f, s in zip(family, splits.assignment, strict=False))
    assert held["tRNA", "select"] == held["tRNA", "test"] == held["SRP", "test"] == 20
    assert held["tRNA", "train"] == 40
    assert held["rare", "train"] == 48
    assert splits.assignment[-1] == "train"
    for split in ("select", "test"):
        index, labels = splits.scored(split)
        assert Counter(labels.tolist()) == {0: 10, 1: 10}
        assert len({cluster[i] for i in index}) == 20
        assert all(splits.families[label] == family[i] for i, label in zip(index, labels, strict=True))
        assert all(splits.assignment[i] == split for i in index)
    assert len(splits.train()) == 40 + 10 + 48 + 1
    assert splits.left_out["families with fewer than 25 clusters"] == 1
    assert splits.left_out["records of select and test other than their cluster's representative"] == 40
    assert splits.label[-1] == -1


names = st.sampled_from(["a", "b", "c", None])
sides = st.sampled_from(["train", "select", "test", None])


@settings(max_examples=100)
@given(st.lists(st.tuples(names, st.integers(0, 25).map(str), sides), min_size=1, max_size=150), st.booleans())
def test_no_cluster_is_on_two_sides_and_each_is_represented_once(rows, use_given):
    family, cluster = [row[0] for row in rows], [row[1] for row in rows]
    given_splits = [row[2] if use_given else None for row in rows]
    try:
        splits = family_splits(family, cluster, given_splits, minimum_clusters=4, per_split=2)
    except NotApplicable:
        return
    side: dict[str, str | None] = {}
    for name, split in zip(cluster, splits.assignment, strict=True):
        assert side.setdefault(name, split) == split
    for split in ("select", "test"):
        index, labels = splits.scored(split)
        assert len({cluster[i] for i in index}) == len(index)
        assert {cluster[i] for i in index} == {name for name, s in side.items() if s == split}
        assert min(Counter(labels.tolist()).values()) >= 2
        assert set(labels.tolist()) == set(range(len(splits.families)))


def test_a_cluster_that_spans_families_counts_for_the_first_only():
    family, cluster = records(a=10, b=10)
    family, cluster = [*family, *"bbbbbb"], [*cluster, *["a-0"] * 6]
    for seed in range(5):
        splits = family_splits(family, cluster, [None] * 46, seed, minimum_clusters=10, per_split=5)
        assert splits.left_out["clusters that span families, assigned to the first"] == 1
        assert set(splits.assignment[40:]) == {splits.assignment[0]}
        assert not splits.representative[40:].any()
        assert splits.representative[:2].sum() == 1


def test_given_splits_hold_and_leaking_clusters_go_to_train():
    family, cluster = records(a=40, b=40, c=40)
    given_splits = [("select", "test")[int(name.split("-")[1]) % 2] for name in cluster]
    given_splits[0] = "train"  # a-0 now lies in train and select
    given_splits = ["train" if name.startswith("c") else s for name, s in zip(cluster, given_splits, strict=True)]
    given_splits[-1] = given_splits[-2] = None
    splits = family_splits(family, cluster, given_splits)
    assert splits.families == ("a", "b")
    assert splits.assignment[:2] == ("train", "train")
    assert splits.assignment[-1] is None
    assert splits.left_out["records moved to the split of their cluster"] == 1
    assert splits.left_out["records without a split"] == 2
    assert splits.left_out["families with fewer than 10 clusters in select and in test"] == 1
    for split in ("select", "test"):
        assert Counter(splits.scored(split)[1].tolist()) == {0: 15, 1: 15}  # 30 a family, half on each side
    assert splits.left_out["clusters in select and test that are not scored"] == 19
    for asked, split in zip(given_splits, splits.assignment, strict=True):
        assert split in (asked, "train", None)


def test_seeded_and_independent_of_other_families():
    family, cluster = records(a=30, b=30)
    nothing = [None] * 120
    first = family_splits(family, cluster, nothing, seed=1)
    again, other = family_splits(family, cluster, nothing, seed=1), family_splits(family, cluster, nothing, seed=2)
    assert first.assignment == again.assignment
    assert (first.representative == again.representative).all()
    assert first.assignment != other.assignment
    more_family, more_cluster = records(a=30, b=30, c=30)
    more = family_splits(more_family, more_cluster, [None] * 180, seed=1)
    assert more.assignment[:120] == first.assignment


def test_too_few_families_is_not_applicable_in_one_line():
    family, cluster = records(a=30, b=10)
    with pytest.raises(NotApplicable, match="1 of 2 families have 25 clusters or more") as error:
        family_splits(family, cluster, [None] * 80)
    assert "\n" not in str(error.value)


def test_minimum_detectable_difference_against_simulation():
    # The Hanley-McNeil standard error is exact for exponential scores; means 3 and 1 give AUROC 0.75.
    generator, families, each, runs = np.random.default_rng(0), 10, 10, 4000
    own = generator.exponential(3, size=(runs, each, 1))
    others = generator.exponential(1, size=(runs, 1, each * (families - 1)))
    auroc = (own > others).mean(axis=(1, 2))
    assert auroc.mean() == pytest.approx(0.75, abs=0.01)
    expected = (1.95996 + 0.84162) * np.sqrt(2 / families) * auroc.std()
    assert minimum_detectable_difference(families, each) == pytest.approx(expected, rel=0.04)
    assert minimum_detectable_difference(100, 10) < minimum_detectable_difference(48, 10)
    assert minimum_detectable_difference(48, 15) < minimum_detectable_difference(48, 10)
