from __future__ import annotations

import numpy as np
import pytest

from harness.statistics.bootstrap import cluster_weights
from harness.statistics.metrics import weighted_auroc
from tasks.overlap_ratio.density import Grid, overlap_ratio
from tasks.overlap_ratio.intervals import FamilyBootstrap, ScoredPairs, density_overlap, point

FAMILIES = 12


def scored(seed: int = 0, count: int = 800, spread: float = 0.5, same: float = 0.0) -> ScoredPairs:
    """Families differ in how similar their members are, and in how similar they are to others."""
    own, other = spread * np.random.default_rng(9).normal(size=(2, FAMILIES))
    generator = np.random.default_rng(seed)
    family = generator.integers(FAMILIES, size=count)
    others = generator.integers(FAMILIES, size=(count, 2))
    others[:, 1] = (others[:, 0] + generator.integers(1, FAMILIES, size=count)) % FAMILIES
    others[generator.random(count) < same, 1] = others[0, 0]
    return ScoredPairs(
        1.5 + own[family] + generator.normal(size=count),
        other[others].sum(axis=1) + generator.normal(size=count),
        np.column_stack([family, family]),
        others,
    )


def repeated(values: np.ndarray, weight: np.ndarray) -> np.ndarray:
    return np.repeat(values, weight.astype(int))


@pytest.mark.parametrize("same", [0.0, 0.3])
def test_draws_are_those_of_pairs_written_out(same: float) -> None:
    """A homologous pair is there w_f times and another one w_f w_g times, or w_f where both are of one family."""
    pairs, draws = scored(same=same), 100
    drawn = FamilyBootstrap(FAMILIES, draws)._drawn(pairs)
    weights = cluster_weights(range(FAMILIES), draws)
    f, g = pairs.others_families.T
    up, down = weights[:, pairs.homologous_families[:, 0]], weights[:, f] * np.where(f == g, 1, weights[:, g])
    assert drawn["auroc"] == pytest.approx(weighted_auroc(pairs.homologous, pairs.others, up, down), abs=2e-3)
    grid = Grid.of(pairs.homologous, pairs.others)
    for draw in range(5):
        first, second = repeated(pairs.homologous, up[draw]), repeated(pairs.others, down[draw])
        assert drawn["difference_of_means"][draw] == pytest.approx(first.mean() - second.mean(), abs=grid.step)
        assert drawn["difference_of_medians"][draw] == pytest.approx(np.median(first) - np.median(second), abs=0.02)
        expected = overlap_ratio(
            *(gaussian_density(part, grid, h) for part, h in zip((first, second), grid.bandwidths, strict=True))
        )
        assert drawn["overlap_ratio"][draw] == pytest.approx(float(expected), abs=2e-3)


def gaussian_density(values: np.ndarray, grid: Grid, bandwidth: float) -> np.ndarray:
    z = (grid.centres[:, None] - values) / bandwidth
    density = np.exp(-(z**2) / 2).sum(axis=1)
    return density / density.sum()


def test_points_are_exact() -> None:
    pairs = scored()
    found = point(pairs)
    wins = (pairs.homologous[:, None] > pairs.others).mean()
    assert found["auroc"] == pytest.approx(wins)
    assert found["difference_of_means"] == pytest.approx(pairs.homologous.mean() - pairs.others.mean())
    # the two overlaps of the same densities are one number
    ratio, area = found["overlap_ratio"], found["overlap_coefficient"]
    assert area == pytest.approx(2 * ratio / (1 + ratio), rel=1e-6)
    assert density_overlap(pairs)["overlap_ratio"] == found["overlap_ratio"]


def test_resampling_pairs_would_understate_the_error() -> None:
    pairs = scored(count=5000)
    spread = FamilyBootstrap(FAMILIES, 400)._drawn(pairs)["auroc"].std()
    generator = np.random.default_rng(0)
    naive = []
    for _ in range(100):
        first = generator.choice(pairs.homologous, 5000)
        second = np.sort(generator.choice(pairs.others, 5000))
        naive.append(np.searchsorted(second, first).mean() / 5000)
    assert spread > 4 * np.std(naive)


def test_repeats_are_nested_and_named_when_few() -> None:
    estimates = FamilyBootstrap(FAMILIES, 200).estimates([scored(seed) for seed in range(3)])
    estimate = estimates["auroc"]
    assert estimate.note.startswith("3 seeds:") and estimate.n == FAMILIES
    assert estimate.value == pytest.approx(np.mean([point(scored(seed))["auroc"] for seed in range(3)]))
    interval = estimate.interval()
    assert interval.low < interval.value < interval.high


def test_draws_without_a_pair_have_no_value() -> None:
    pairs = ScoredPairs(
        np.array([0.9, 0.8, 0.7]), np.array([0.1, 0.3]), np.array([[0, 0], [1, 1], [1, 1]]), np.array([[0, 1], [0, 1]])
    )
    estimate = FamilyBootstrap(2, 200).estimates([pairs])["auroc"]
    # a draw that leaves no pair keeps its place, so that draws of two models pair
    assert len(estimate.draws) == 200 and 60 < np.isfinite(estimate.draws).sum() < 140
    assert np.isfinite([estimate.interval().low, estimate.interval().high]).all()


def test_within_keeps_pairs_of_marked_families() -> None:
    pairs, marked = scored(), np.arange(FAMILIES) < 5
    kept = pairs.within(marked)
    assert kept.homologous_families.max() < 5 and kept.others_families.max() < 5
    assert (
        len(kept.others) == sum(f < 5 and g < 5 for f, g in pairs.others_families.tolist()) == len(kept.others_families)
    )


def test_coverage_of_the_interval() -> None:
    """Families drawn anew each time: the 95 % interval of a mean difference holds the truth about that often."""
    inside = 0
    for trial in range(60):
        generator = np.random.default_rng(trial)
        count = 30
        own, other = 0.5 * generator.normal(size=(2, count))
        family, pairs = np.arange(count).repeat(20), generator.integers(count, size=(1500, 2))
        pairs = pairs[pairs[:, 0] != pairs[:, 1]]
        made = ScoredPairs(
            1 + own[family] + generator.normal(size=len(family)),
            other[pairs].sum(axis=1) + generator.normal(size=len(pairs)),
            np.column_stack([family, family]),
            pairs,
        )
        interval = FamilyBootstrap(count, 200, trial).estimates([made])["difference_of_means"].interval()
        inside += interval.low <= 1 <= interval.high
    assert inside >= 51
