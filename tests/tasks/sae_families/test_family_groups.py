"""Two named groups of families: how they are given, and what is left of them in the tables."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from harness.errors import InputError
from tasks.sae_families.scores import CandidateScores, Items, SeedScores, SourceScores
from tasks.sae_families.tables import family_rows, group_table
from tasks.sae_families.task import SaeFamiliesSettings

FAMILIES = ("A", "B", "C", "D", "E")


@pytest.mark.parametrize(
    "groups", [("A+B",), ("A", "B", "C"), ("A+", "B"), ("", ""), ("A+B", "B"), ("A+A", "B"), ("",)]
)
def test_anything_but_two_disjoint_groups_is_refused(groups: tuple[str, ...]) -> None:
    with pytest.raises(ValidationError) as caught:
        SaeFamiliesSettings(groups=groups)
    (error,) = caught.value.errors()
    assert error["loc"] == ("groups",)
    assert error["msg"].startswith("write two groups of families, each family once") and "\n" not in error["msg"]


def test_two_groups_or_none_are_taken() -> None:
    assert SaeFamiliesSettings().groups == ()
    assert SaeFamiliesSettings(groups=("A+B", "C")).groups == ("A+B", "C")


def test_families_must_be_among_the_scored_ones() -> None:
    assert family_rows("D+B", FAMILIES) == [3, 1]
    message = r"groups: RF00006 not among the 2 scored families, which are RF00001, RF00005\. Did you mean"
    with pytest.raises(InputError, match=message):
        family_rows("RF00001+RF00006", ("RF00001", "RF00005"))
    with pytest.raises(InputError, match=r"A, B, C, D, …\.$"):
        family_rows("unlike", FAMILIES)


def source(rows: int = 40, candidates: int = 12) -> tuple[SourceScores, Items]:
    generator = np.random.default_rng(3)
    labels = np.tile(np.arange(5), rows // 5)
    positions = np.arange(rows)
    items = Items(FAMILIES, positions, labels, positions + rows, labels[::-1].copy(), 100)
    all_scores = []
    for seed in (0, 1):
        select, test = generator.normal(size=(2, rows, candidates))
        select[items.select_labels == 4, 3] -= 2
        test[items.test_labels == 4, 3] -= 2
        all_scores.append(CandidateScores(seed, select, test, lambda k, seed=seed: f"seed {seed} feature {k}"))
    seeds = tuple(SeedScores(scores, None, None) for scores in all_scores)  # type: ignore[arg-type]
    return SourceScores("sae", "model", seeds, None), items  # type: ignore[arg-type]


def test_the_table_follows_from_family_means_by_loops() -> None:
    scored, items = source()
    first, second = [1, 3], [0, 2, 4]
    table = group_table(scored, items, [first, second])
    assert list(table.columns) == ["seed", "feature", "feature_name", "sign", "select_auroc", "test_auroc", "p"]
    assert list(table.seed) == [0] * 10 + [1] * 10
    for seed, own in table.groupby("seed"):
        scores = scored.seeds[int(seed)].scores
        for row in own.itertuples():
            for values, labels, reached in (
                (scores.select, items.select_labels, row.select_auroc),
                (scores.test, items.test_labels, row.test_auroc),
            ):
                mean = {f: row.sign * values[labels == f, row.feature].mean() for f in (*first, *second)}
                assert reached == pytest.approx(np.mean([mean[i] > mean[j] for i in first for j in second]))
            assert row.feature_name == f"seed {seed} feature {row.feature}"
        assert own.select_auroc.is_monotonic_decreasing and own.select_auroc.min() >= 0.5
        assert own.p.notna().tolist() == [True] + 9 * [False]
    # ten ways to draw two of five families: nothing can be significant
    assert table.p.min() > 0.05


def test_swapping_the_groups_turns_the_signs_alone() -> None:
    scored, items = source()
    ours, theirs = (group_table(scored, items, groups) for groups in ([[1, 3], [0, 4]], [[0, 4], [1, 3]]))
    clear = ours.select_auroc > 0.5
    assert (ours.feature == theirs.feature).all() and (ours.sign == -theirs.sign)[clear].all()
    assert ours.test_auroc[clear].tolist() == pytest.approx(theirs.test_auroc[clear].tolist())


def test_test_labels_play_no_part_in_the_choice() -> None:
    scored, items = source()
    shuffled = Items(
        items.families, items.select, items.select_labels, items.test, np.roll(items.test_labels, 2), items.draws
    )
    ours, theirs = (group_table(scored, each, [[0, 1], [2, 3, 4]]) for each in (items, shuffled))
    choices = ["seed", "feature", "sign", "select_auroc"]
    assert ours[choices].equals(theirs[choices]) and (ours.test_auroc != theirs.test_auroc).any()
