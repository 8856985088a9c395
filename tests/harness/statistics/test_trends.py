"""Slopes and rank correlations against other implementations, and against simulations whose answer is known."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from scipy.stats import spearmanr

from harness.statistics.bootstrap import Estimate, cluster_bootstrap_mean
from harness.statistics.trends import rank_correlation, rank_trend, slope

PLACES = (1.0, 3.0, 4.0)


def estimates(values: np.ndarray, spread: float = 0.01, draws: int = 400, seed: int = 0) -> list[Estimate]:
    noise = spread * np.random.default_rng(seed).normal(size=(len(values), draws))
    return [Estimate(float(value), value + own, 20) for value, own in zip(values, noise, strict=True)]


def test_a_slope_is_that_of_least_squares_in_every_draw() -> None:
    found = estimates(np.array([0.2, 0.5, 0.4]), 0.1)
    own = slope(PLACES, found)
    assert own.value == pytest.approx(np.polyfit(PLACES, [0.2, 0.5, 0.4], 1)[0])
    expected = [np.polyfit(PLACES, column, 1)[0] for column in np.stack([one.draws for one in found], axis=1)]
    assert own.draws == pytest.approx(np.array(expected))


def test_a_slope_needs_the_same_items_and_different_places() -> None:
    first, second = estimates(np.array([0.1, 0.2]))
    with pytest.raises(ValueError, match="same items"):
        slope((1, 2), [first, Estimate(0.2, second.draws, 21)])
    with pytest.raises(ValueError, match="different places"):
        slope((2, 2), [first, second])


def test_the_interval_of_a_slope_covers_the_true_one() -> None:
    """Items are of unequal difficulty, which all models share, and each model has errors of its own."""
    generator, covered, repeats = np.random.default_rng(1), 0, 400
    for _ in range(repeats):
        difficulty = generator.normal(0.4, 0.2, size=(60, 1))
        scores = difficulty + 0.03 * np.array(PLACES) + generator.normal(0, 0.1, size=(60, 3))
        found = [cluster_bootstrap_mean(column, range(60), draws=300) for column in scores.T]
        interval = slope(PLACES, found).interval()
        covered += interval.low <= 0.03 <= interval.high
    assert 0.92 <= covered / repeats <= 0.98


def test_a_rank_correlation_is_spearmans() -> None:
    generator = np.random.default_rng(2)
    first, second = generator.integers(5, size=(2, 9)).astype(float)  # with ties
    found = rank_correlation(estimates(first), estimates(second, seed=1), seed=0)
    assert found is not None
    assert found.interval.value == pytest.approx(spearmanr(first, second)[0])
    assert found.interval.low < found.interval.value < found.interval.high


def test_draws_are_those_of_a_loop_over_resampled_models() -> None:
    """The same resampling one draw at a time, with another generator: quantiles agree as far as chance lets them."""
    values = np.random.default_rng(3).normal(size=(2, 8))
    sides = [estimates(own, 0.3, seed=place) for place, own in enumerate(values)]
    found = rank_correlation(*sides, seed=0)
    generator, drawn = np.random.default_rng(99), []
    for _ in range(3000):
        models, draws = generator.integers(8, size=8), generator.integers(400, size=2)
        one, other = ([sides[k][model].draws[draws[k]] for model in models] for k in range(2))
        drawn.append(spearmanr(one, other)[0])
    assert found is not None
    assert [found.interval.low, found.interval.high] == pytest.approx(np.nanpercentile(drawn, [2.5, 97.5]), abs=0.06)


@pytest.mark.parametrize(("direction", "expected"), [(-1, -1.0), (1, 1.0)])
def test_a_planted_order_is_found(direction: int, expected: float) -> None:
    values = np.linspace(0.1, 0.9, 8)
    found = rank_correlation(estimates(values), estimates(direction * values, seed=1), seed=0)
    assert found is not None and found.found
    assert found.interval.value == expected and found.p < 0.01


@pytest.mark.parametrize("models", [5, 9])
def test_unrelated_scores_are_seldom_called_related(models: int) -> None:
    generator, repeats = np.random.default_rng(4), 200
    called = 0
    for seed in range(repeats):
        first, second = generator.normal(size=(2, models))
        found = rank_correlation(estimates(first, draws=50), estimates(second, draws=50, seed=1), seed)
        called += found is not None and found.found
    assert called / repeats <= 0.07


def test_the_uncertainty_of_a_model_widens_the_interval() -> None:
    values = np.linspace(0.1, 0.9, 8)
    sure, unsure = (
        rank_correlation(estimates(values, spread), estimates(values, spread, seed=1), seed=0) for spread in (1e-4, 0.4)
    )
    assert sure is not None and unsure is not None
    assert unsure.interval.low < 0.5 < sure.interval.low


def test_scores_that_all_tie_have_no_order_and_missing_draws_are_left_out() -> None:
    values = np.linspace(0.1, 0.9, 6)
    assert rank_correlation(estimates(np.zeros(6)), estimates(values), seed=0) is None
    holed = estimates(values)
    for own in holed:
        own.draws[: len(own.draws) // 2] = np.nan
    found = rank_correlation(holed, estimates(values, seed=1), seed=0)
    assert found is not None and np.isfinite([found.interval.low, found.interval.high]).all()


def slow_spearman(first: list[float], second: list[float]) -> float:
    """Pearson's correlation of ranks that are counted one by one, with loops."""

    def ranks(values: list[float]) -> list[float]:
        return [
            sum(other < own for other in values) + (1 + sum(other == own for other in values)) / 2 for own in values
        ]

    one, other = ranks(first), ranks(second)
    middle = (len(first) + 1) / 2
    above = sum((a - middle) * (b - middle) for a, b in zip(one, other, strict=True))
    squares = [sum((a - middle) ** 2 for a in side) for side in (one, other)]
    return float(above / (squares[0] * squares[1]) ** 0.5)


def test_a_trend_is_spearmans_in_every_draw_and_its_p_counts_every_order() -> None:
    values = [0.3, 0.1, 0.4, 0.4, 0.9]
    layers = (0, 1, 2, 5, 7)
    found = estimates(np.array(values), 0.3)
    trend = rank_trend(layers, found)
    assert trend is not None
    point = slow_spearman(list(layers), values)
    assert trend.interval.value == pytest.approx(point) and trend.interval.n == 20
    drawn = [slow_spearman(list(layers), column.tolist()) for column in np.stack([own.draws for own in found], axis=1)]
    assert (trend.interval.low, trend.interval.high) == pytest.approx(tuple(np.percentile(drawn, [2.5, 97.5])))
    every = [abs(slow_spearman(list(layers), list(order))) for order in permutations(values)]
    assert trend.p == pytest.approx(np.mean(np.array(every) >= abs(point) - 1e-9))


@pytest.mark.parametrize("layers", [5, 9])
def test_a_planted_trend_is_found_and_four_layers_are_too_few_for_a_verdict(layers: int) -> None:
    falling = np.linspace(0.9, 0.1, layers)
    trend = rank_trend(range(layers), estimates(falling, 1e-3))
    assert trend is not None and trend.found and trend.interval.value == trend.interval.high == -1
    few = rank_trend(range(4), estimates(falling[:4], 1e-4))
    assert few is not None and few.interval.value == -1 and few.p == pytest.approx(2 / 24) and not few.found


@pytest.mark.parametrize("layers", [5, 9])
def test_the_interval_of_a_flat_trend_covers_zero(layers: int) -> None:
    generator, repeats, covered, called = np.random.default_rng(5), 300, 0, 0
    for repeat in range(repeats):
        values = 0.5 + 0.05 * generator.normal(size=layers)  # the noise of the data is that of the draws
        trend = rank_trend(range(layers), estimates(values, 0.05, draws=300, seed=repeat))
        assert trend is not None
        covered += trend.interval.low <= 0 <= trend.interval.high
        called += trend.found
    assert covered / repeats >= 0.93 and called / repeats <= 0.05


def test_a_trend_of_what_ties_or_is_missing_has_no_order() -> None:
    assert rank_trend(range(5), estimates(np.full(5, 0.3), 0)) is None
    assert rank_trend(range(5), estimates(np.array([0.1, 0.2, np.nan, 0.3, 0.4]))) is None
    first, second = estimates(np.array([0.1, 0.2]))
    with pytest.raises(ValueError, match="same items"):
        rank_trend((0, 1), [first, Estimate(0.2, second.draws, 21)])
