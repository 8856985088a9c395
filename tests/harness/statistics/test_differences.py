"""Differences of two models: against loops, and by how often they are right in simulations."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.statistics.bootstrap import Estimate, cluster_bootstrap_mean
from harness.statistics.differences import holm, paired_difference, two_sided_p, unpaired_difference


def mean_of(values: np.ndarray, seed: int) -> Estimate:
    return cluster_bootstrap_mean(values, range(len(values)), draws=500, seed=seed)


def test_identical_models_cannot_be_told_apart() -> None:
    one = mean_of(np.random.default_rng(0).normal(size=50), 0)
    difference = paired_difference(one, one)
    assert not difference.found and difference.p == 1 and difference.detectable == 0


def test_the_detectable_difference_is_two_point_eight_standard_errors() -> None:
    generator = np.random.default_rng(1)
    first, second = generator.normal(size=400), generator.normal(size=400)
    error = (first - second).std(ddof=1) / np.sqrt(400)
    assert paired_difference(mean_of(first, 0), mean_of(second, 0)).detectable == pytest.approx(2.8 * error, rel=0.1)


@pytest.mark.parametrize(("times", "least", "most"), [(0.0, 0.02, 0.08), (1.0, 0.74, 0.86), (2.0, 0.95, 1.0)])
def test_how_often_a_true_difference_is_found(times: float, least: float, most: float) -> None:
    """5 % where there is none, 80 % at the detectable one, at least 95 % at twice that."""
    generator, found, runs = np.random.default_rng(2), 0, 400
    detectable = 2.80 * np.sqrt(2 * 0.5**2) / np.sqrt(150)
    for run in range(runs):
        shared = generator.normal(size=150)
        first, second = (shared + 0.5 * generator.normal(size=150) for _ in range(2))
        found += paired_difference(mean_of(first + times * detectable, run), mean_of(second, run)).found
    assert least <= found / runs <= most


def test_draws_without_a_value_are_left_out() -> None:
    draws = np.random.default_rng(3).normal(0.3, 0.1, 200)
    holes = draws.copy()
    holes[::4] = np.nan
    zero = Estimate(0.0, np.zeros(200), 9)
    kept = draws[~np.isnan(holes)]
    difference = paired_difference(Estimate(0.3, holes, 9), zero)
    assert difference.interval.low == pytest.approx(np.percentile(kept, 2.5))
    assert difference.detectable == pytest.approx(2.8016 * kept.std(ddof=1), rel=1e-4)
    nothing = paired_difference(Estimate(0.3, np.full(200, np.nan), 9), zero)
    assert not nothing.found and nothing.p == 1 and nothing.detectable == np.inf


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=30))
def test_p_counts_the_draws_on_the_rarer_side(draws: list[float]) -> None:
    below, above = sum(d <= 0 for d in draws), sum(d >= 0 for d in draws)
    assert two_sided_p(np.array(draws)) == pytest.approx(min(1, 2 * (1 + min(below, above)) / (1 + len(draws))))


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_is_the_largest_of_the_steps_so_far(values: list[float]) -> None:
    corrected = holm(values)
    ranked = sorted(range(len(values)), key=lambda i: (values[i], i))
    for place, index in enumerate(ranked):
        steps = [(len(values) - earlier) * values[ranked[earlier]] for earlier in range(place + 1)]
        assert corrected[index] == pytest.approx(min(1, max(steps)))


def test_intervals_of_different_items_cover_the_true_difference() -> None:
    """Also where draws of both come from one seed."""
    generator, covered = np.random.default_rng(4), 0
    for _ in range(400):
        found = unpaired_difference(
            mean_of(generator.normal(1, 1, size=60), 0), mean_of(generator.normal(0, 2, size=60), 0)
        ).interval()
        covered += found.low <= 1 <= found.high
    assert 0.91 <= covered / 400 <= 0.98
