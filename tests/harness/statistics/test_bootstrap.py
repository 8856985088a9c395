from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from harness.statistics.bootstrap import (
    cluster_bootstrap_mean,
    cluster_weights,
    nested_estimate,
    nested_interval,
    permutation_p,
    stratified_cluster_weights,
    weighted_ratio,
)
from harness.statistics.metrics import weighted_auroc


def test_standard_error_of_a_mean_on_singleton_clusters_is_sd_over_root_n():
    values = np.random.default_rng(0).normal(size=400)
    estimate = cluster_bootstrap_mean(values, range(400), draws=4000)
    assert estimate.value == pytest.approx(values.mean())
    assert estimate.n == 400
    assert estimate.draws.std() == pytest.approx(values.std(ddof=1) / 20, rel=0.05)
    interval = estimate.interval()
    assert interval.high - interval.low == pytest.approx(2 * 1.96 * values.std() / 20, rel=0.06)


@pytest.mark.parametrize("correlation", [0.0, 0.5])
def test_coverage_of_the_cluster_interval(correlation):
    generator, clusters = np.random.default_rng(2), np.repeat(np.arange(100), 4)
    covered = 0
    for run in range(500):
        shared = np.sqrt(correlation) * generator.normal(size=100)[clusters]
        values = shared + np.sqrt(1 - correlation) * generator.normal(size=400)
        interval = cluster_bootstrap_mean(values, clusters, draws=400, seed=run).interval()
        covered += interval.low <= 0 <= interval.high
    assert 0.92 <= covered / 500 <= 0.98


def test_an_interval_over_items_would_not_cover_under_correlation():
    generator, clusters = np.random.default_rng(1), np.repeat(np.arange(60), 5)
    covered = 0
    for run in range(200):
        values = generator.normal(size=60)[clusters] + generator.normal(size=300)
        interval = cluster_bootstrap_mean(values, range(300), draws=200, seed=run).interval()
        covered += interval.low <= 0 <= interval.high
    assert covered / 200 < 0.85


@pytest.mark.parametrize(("seeds", "spread"), [(5, 0.2), (3, 0.5)])
def test_coverage_nested_over_clusters_and_seeds(seeds, spread):
    generator = np.random.default_rng(2)
    covered = 0
    for run in range(300):
        items, common = generator.normal(size=60), generator.normal(scale=spread, size=(seeds, 1))
        values = items + common + 0.3 * generator.normal(size=(seeds, 60))
        draws = cluster_weights(range(60), draws=300, seed=run) @ values.T / 60
        interval = nested_interval(draws.T, values.mean(axis=1), n=60, seed=run)
        covered += interval.low <= 0 <= interval.high
    assert 0.92 <= covered / 300 <= 0.98


def test_weights_resample_whole_clusters_and_keep_every_stratum():
    strata, clusters = list("aaaaabbbb"), list("uuvwwxyyz")
    weights = stratified_cluster_weights(strata, clusters, draws=500, seed=3)
    assert weights.shape == (500, 9)
    for i in range(9):
        for j in range(9):
            if clusters[i] == clusters[j]:
                assert (weights[:, i] == weights[:, j]).all()
    first = [clusters.index(name) for name in "uvw"]
    second = [clusters.index(name) for name in "xyz"]
    assert (weights[:, first].sum(axis=1) == 3).all()
    assert (weights[:, second].sum(axis=1) == 3).all()
    assert weights[:, first].mean() == pytest.approx(1, abs=0.1)


def test_draws_depend_on_seed_and_clusters_only():
    clusters = list("abcabc")
    weights = cluster_weights(clusters, 50, seed=1)
    assert (weights == cluster_weights(clusters, 50, seed=1)).all()
    assert (weights != cluster_weights(clusters, 50, seed=2)).any()
    order = [5, 3, 1, 0, 2, 4]
    assert (cluster_weights([clusters[i] for i in order], 50, seed=1) == weights[:, order]).all()
    alone = stratified_cluster_weights(["f"] * 3, "abc", 50, seed=1)
    assert (stratified_cluster_weights([*"fffgg"], "abcde", 50, seed=1)[:, :3] == alone).all()


def test_weighted_ratio_pools():
    weights = np.array([[1.0, 1, 1], [2, 0, 1]])
    assert weighted_ratio([1, 2, 3], [2, 4, 5], weights) == pytest.approx([6 / 11, 5 / 9])


@settings(max_examples=60)
@given(st.data())
def test_weighted_auroc_is_scikit_learns_with_sample_weights(data):
    numbers = st.integers(0, 6).map(float)
    positive = np.array(data.draw(st.lists(numbers, min_size=1, max_size=8)))
    negative = np.array(data.draw(st.lists(numbers, min_size=1, max_size=12)))
    generator = np.random.default_rng(data.draw(st.integers(0, 99)))
    up = generator.integers(0, 4, (5, len(positive))) + 1.0
    down = generator.integers(0, 4, (5, len(negative))) + np.eye(1, len(negative))
    got = weighted_auroc(positive, negative, up, down)
    truth = np.repeat([1, 0], [len(positive), len(negative)])
    for row in range(5):
        weights = np.concatenate([up[row], down[row]])
        expected = roc_auc_score(truth, np.concatenate([positive, negative]), sample_weight=weights)
        assert got[row] == pytest.approx(expected)


def test_weighted_auroc_of_a_draw_without_weight_is_nan():
    assert np.isnan(weighted_auroc([1.0], [0.0, 2.0], [[0.0]], [[1.0, 1.0]])).all()


def test_paired_difference_is_finer_than_its_parts_and_refuses_other_items():
    generator = np.random.default_rng(4)
    shared, noise = generator.normal(size=100), 0.1 * generator.normal(size=100)
    first = cluster_bootstrap_mean(shared + noise + 0.2, range(100))
    second = cluster_bootstrap_mean(shared, range(100))
    gain = (first - second).interval()
    assert gain.value == pytest.approx(0.2 + noise.mean())
    assert gain.low > 0
    assert first.interval().low < second.interval().high
    with pytest.raises(ValueError, match="same items"):
        first - cluster_bootstrap_mean(shared[:50], range(50))


def test_few_seeds_are_noted_and_widen_the_interval():
    points = np.array([0.0, 0.3, -0.3])
    flat = np.repeat(points[:, None], 4000, axis=1)
    three = nested_estimate(flat, points, n=10)
    assert three.note == "3 seeds: intervals include the spread between seeds through a t quantile"
    # sd / sqrt(S) with the unbiased sd, stretched by t over z
    assert three.draws.std() == pytest.approx(0.3 / np.sqrt(3) * 4.303 / 1.96, rel=0.05)
    one = nested_estimate(flat[:1], points[:1], n=10)
    assert one.note == "1 seed: intervals do not include the spread between seeds"
    assert one.draws.std() == 0
    assert nested_estimate(np.zeros((5, 9)), np.zeros(5), n=10).note == ""
    assert nested_estimate(flat, points, n=10).interval() == nested_interval(flat, points, n=10)


def test_permutation_p_counts_the_observed_among_the_null():
    null = np.array([0.1, 0.2, 0.3, 0.4])
    assert permutation_p(0.3, null) == pytest.approx(3 / 5)
    assert permutation_p(9.0, null) == pytest.approx(1 / 5)
    assert permutation_p([0.3, 9.0], np.stack([null, null], axis=1)) == pytest.approx([3 / 5, 1 / 5])
