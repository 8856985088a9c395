from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics.pairwise import cosine_similarity

from tasks.sae_families.groups import dendrogram_order, family_similarity, separating_features, unexplained_pairs


def test_a_planted_property_of_a_group_is_found_and_confirmed():
    generator = np.random.default_rng(0)
    select, test = generator.normal(size=(2, 16, 50))
    for means in (select, test):
        means[:8, 7] += 6
        means[:8, 11] -= 6
    found = separating_features(select, test, range(8), range(8, 16), count=3, permutations=199)
    assert {(f.feature, f.sign) for f in found[:2]} == {(7, 1), (11, -1)}
    assert [f.select_auroc for f in found[:2]] == [1, 1]
    assert [f.test_auroc for f in found[:2]] == [1, 1]
    assert max(f.p for f in found[:2]) < 0.02
    assert found[2].p > 0.05


def test_auroc_is_over_pairs_of_families():
    generator = np.random.default_rng(1)
    select, test = generator.normal(size=(2, 9, 20)).round()
    first, second = [0, 2, 4, 8], [1, 3, 7]
    for found in separating_features(select, test, first, second, count=20, permutations=9):
        for means, reached in ((select, found.select_auroc), (test, found.test_auroc)):
            column = found.sign * means[:, found.feature]
            wins = [(column[i] > column[j]) + 0.5 * (column[i] == column[j]) for i in first for j in second]
            assert reached == pytest.approx(np.mean(wins))


def test_arbitrary_groups_of_distinct_families_are_not_significant():
    # Families differ, and alike in both splits: any grouping finds features that repeat on test.
    generator, p_values, reached = np.random.default_rng(2), [], []
    for run in range(60):
        means = generator.normal(size=(10, 100))
        held = means + 0.1 * generator.normal(size=means.shape)
        best = separating_features(means, held, range(5), range(5, 10), count=1, permutations=99, seed=run)[0]
        reached.append(best.test_auroc)
        p_values.append(best.p)
    assert np.mean(reached) > 0.85
    assert np.mean(np.array(p_values) < 0.05) < 0.15


def test_groups_must_be_filled_and_disjoint():
    means = np.zeros((3, 2))
    for first, second in (([], [1]), ([0, 1], [1, 2])):
        with pytest.raises(ValueError, match="two groups"):
            separating_features(means, means, first, second)


def test_similarity_is_the_cosine_of_centred_means():
    means = np.random.default_rng(3).exponential(size=(6, 30))
    got = family_similarity(means)
    assert got == pytest.approx(cosine_similarity(means - means.mean(axis=0)))
    assert family_similarity(means + np.linspace(0, 100, 30)) == pytest.approx(got)
    assert not family_similarity(np.ones((3, 4))).any()


def test_dendrogram_puts_like_families_side_by_side():
    centres = np.eye(3, 20)
    generator = np.random.default_rng(4)
    kind = np.array([0, 1, 2, 0, 1, 2, 0, 1])
    order = dendrogram_order(family_similarity(centres[kind] + 0.05 * generator.normal(size=(8, 20))))
    assert sorted(order) == list(range(8))
    assert (np.diff(kind[order]) != 0).sum() == 2


def test_unexplained_pairs_leave_out_clans_and_unlike_families():
    similarity = np.array([[1, 0.9, 0.8, 0.2], [0.9, 1, 0.7, 0.3], [0.8, 0.7, 1, -0.5], [0.2, 0.3, -0.5, 1]])
    found = unexplained_pairs(similarity, ["a", "b", "c", "d"], ["clan", "clan", None, None])
    assert [(h.first, h.second) for h in found] == [("a", "c"), ("b", "c"), ("b", "d"), ("a", "d")]
    assert [h.similarity for h in found] == [0.8, 0.7, 0.3, 0.2]
    assert unexplained_pairs(similarity, ["a", "b", "c", "d"], ["clan", "clan", None, None], count=1) == found[:1]
