from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import gaussian_kde, norm

from tasks.overlap_ratio.density import Grid, histogram_overlap_ratio, overlap_ratio, percentile_groups, scott


def ratio(first: np.ndarray, second: np.ndarray, points: int = 1024) -> float:
    grid = Grid.of(first, second, points)
    return float(overlap_ratio(grid.smooth(grid.masses(first), 0), grid.smooth(grid.masses(second), 1)))


def by_sums_of_kernels(first: np.ndarray, second: np.ndarray, points: int = 4000) -> float:
    both = np.concatenate([first, second])
    margin = (both.max() - both.min()) / 2
    x = np.linspace(both.min() - margin, both.max() + margin, points)
    p, q = gaussian_kde(first)(x), gaussian_kde(second)(x)
    return float(np.minimum(p, q).sum() / np.maximum(p, q).sum())


@pytest.mark.parametrize("distance", [0.0, 0.5, 1.0, 2.0, 3.0])
def test_two_gaussians_within_a_hundredth(distance: float) -> None:
    """The area under both of two unit Gaussians d apart is 2 Φ(-d/2); quantiles stand for endless samples."""
    sample = norm.ppf((np.arange(100_000) + 0.5) / 100_000)
    # the kernel widens both, which alone adds 1.6 % to the ratio at a distance of 3
    widened = 2 * norm.cdf(-distance / 2 / np.sqrt(1 + 100_000**-0.4))
    assert ratio(sample, sample + distance) == pytest.approx(widened / (2 - widened), rel=1e-3)
    if distance <= 2:
        area = 2 * norm.cdf(-distance / 2)
        assert ratio(sample, sample + distance) == pytest.approx(area / (2 - area), rel=0.01)


def test_random_samples_of_two_gaussians() -> None:
    generator = np.random.default_rng(0)
    area = 2 * norm.cdf(-0.75)
    first, second = generator.normal(size=100_000), generator.normal(1.5, size=100_000)
    assert ratio(first, second) == pytest.approx(area / (2 - area), rel=0.015)


@settings(max_examples=15)
@given(st.integers(0, 2**32), st.floats(1e-4, 10), st.floats(0, 3), st.floats(0.2, 3))
def test_it_is_what_scipy_finds(seed: int, scale: float, shift: float, width: float) -> None:
    generator = np.random.default_rng(seed)
    first, second = generator.normal(size=400), generator.normal(shift, width, size=300)
    assert ratio(scale * first, scale * second) == pytest.approx(by_sums_of_kernels(first, second), abs=2e-3)
    assert ratio(first, second) == pytest.approx(ratio(second, first), abs=1e-6)
    assert ratio(first, first) == pytest.approx(1)


def crowded() -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(1)
    return 1 - 0.01 * generator.beta(2, 8, 20_000), 1 - 0.01 * generator.beta(3, 6, 20_000)


def test_the_grid_does_not_matter_where_similarities_crowd() -> None:
    first, second = crowded()
    values = [ratio(first, second, points) for points in (1000, 1024, 2000, 5000, 20_000)]
    assert max(values) - min(values) < 1e-3 * values[0]
    assert values[0] == pytest.approx(by_sums_of_kernels(first, second), rel=2e-3)
    # nor do one or two outliers, which stretch the range a hundred times
    far = np.append(first, [0.0, -0.9])
    bandwidths = Grid.of(far, second).bandwidths
    assert bandwidths[1] < 1e-3 and Grid.of(far, second).step <= min(bandwidths) / 4


def test_the_grid_holds_all_mass() -> None:
    first, second = crowded()
    grid = Grid.of(first, second)
    for which, part in enumerate((first, second)):
        density = grid.smooth(grid.masses(part), which)
        assert density.sum() == pytest.approx(1) and density.min() >= 0
        assert density[0] < 1e-6 * density.max() > density[-1]
        assert (density * grid.centres).sum() == pytest.approx(part.mean(), abs=1e-6)
    assert grid.points >= 1000


def test_scott_is_scipys() -> None:
    values = np.random.default_rng(0).normal(size=50)
    kernel = gaussian_kde(values)
    assert scott(values) == pytest.approx(float(np.sqrt(kernel.covariance[0, 0])))
    assert scott(values[:1]) == 0


def test_similarities_without_spread() -> None:
    same = np.full(10, 0.7)
    assert ratio(same, same) == pytest.approx(1)
    assert ratio(same, np.full(10, 0.2)) == pytest.approx(0, abs=1e-6)


def test_the_histogram_by_hand() -> None:
    first, second = np.array([0.5, 0.3, 0.2]), np.array([0.1, 0.3, 0.6])
    assert histogram_overlap_ratio(first, second, np.arange(3)) == pytest.approx(0.6 / 1.4)
    assert histogram_overlap_ratio(first, second, np.array([0, 2])) == pytest.approx((0.4 + 0.2) / (0.8 + 0.6))


def test_groups_hold_a_hundredth_each_and_a_pile_is_alone() -> None:
    pooled = np.full(10_000, 1.0)
    starts = percentile_groups(pooled)
    assert len(starts) == 100 and starts[0] == 0 and set(np.diff(starts)) == {100}
    pooled[500] = 5_000.0
    starts = percentile_groups(pooled)
    assert {500, 501} <= set(starts.tolist())
