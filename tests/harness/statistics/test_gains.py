"""The smallest gain over several floors: against loops, by its properties, and by how often its low end is wrong."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.statistics.bootstrap import Estimate, cluster_bootstrap_mean, nested_estimate
from harness.statistics.gains import smallest_gain


def estimates(seed: int, count: int, draws: int = 300) -> list[Estimate]:
    """Estimates of the same items and draws."""
    generator = np.random.default_rng(seed)
    shared = generator.normal(size=draws)
    means = generator.normal(size=count)
    return [Estimate(float(mean), mean + shared + generator.normal(size=draws), 40) for mean in means]


@given(st.integers(0, 10_000), st.integers(1, 6))
def test_it_is_what_loops_over_floors_and_draws_find(seed: int, count: int) -> None:
    score, *floors = estimates(seed, count + 1, draws=81)
    gain = smallest_gain(score, {f"floor {k}": floor for k, floor in enumerate(floors)})
    values, lows, highs = [], [], []
    for floor in floors:
        differences = sorted(float(score.draws[b]) - float(floor.draws[b]) for b in range(81))
        values.append(score.value - floor.value)
        # 80 gaps between 81 sorted draws: the percentiles 2.5 and 97.5 are the draws of rank 2 and 78
        lows.append(differences[2])
        highs.append(differences[78])
    assert gain.smallest.value == pytest.approx(min(values))
    assert gain.smallest.low == pytest.approx(min(lows)) and gain.smallest.high == pytest.approx(min(highs))
    assert gain.hardest == f"floor {int(np.argmin(values))}" and gain.smallest.n == 40
    assert [interval.value for interval in gain.over.values()] == pytest.approx(values)


@given(st.integers(0, 10_000), st.integers(1, 5))
def test_a_further_floor_never_raises_the_gain(seed: int, count: int) -> None:
    score, *floors = estimates(seed, count + 2)
    named = {str(k): floor for k, floor in enumerate(floors)}
    all_of_them, fewer = (smallest_gain(score, part).smallest for part in (named, dict(list(named.items())[:-1])))
    assert all_of_them.value <= fewer.value
    assert all_of_them.low <= fewer.low and all_of_them.high <= fewer.high


@given(st.integers(0, 10_000))
def test_nothing_is_gained_over_a_floor_that_is_the_model_itself(seed: int) -> None:
    score, *floors = estimates(seed, 4)
    gain = smallest_gain(score, {"itself": score} | {str(k): floor for k, floor in enumerate(floors)})
    assert gain.smallest.value <= 0 and gain.smallest.low <= 0 and gain.smallest.high <= 0


def test_a_floor_that_wins_makes_the_gain_negative_however_many_lose() -> None:
    """k-mers at 0.879 and the model at 0.864: a floor chosen elsewhere once made +0.054 of that."""
    draws = np.random.default_rng(0).normal(0, 0.001, 200)
    floors = {"random twin": 0.810, "kmer": 0.879, "length": 0.7}
    gain = smallest_gain(
        Estimate(0.864, 0.864 + draws, 100), {name: Estimate(v, v + draws, 100) for name, v in floors.items()}
    )
    assert gain.hardest == "kmer" and gain.smallest.value == pytest.approx(-0.015) and gain.smallest.high < 0


@pytest.mark.parametrize("floors", [1, 2, 5])
@pytest.mark.parametrize("further", [0.0, 0.3])
def test_the_low_end_is_over_the_true_gain_no_more_often_than_it_says(floors: int, further: float) -> None:
    """The model is as good as its best floor; the others are as good too, or worse by ``further``."""
    generator = np.random.default_rng(7)
    runs, items, wrong = 400, 60, 0
    for run in range(runs):
        shared = generator.normal(size=items)
        means = [0.0, *(-further if k else 0.0 for k in range(floors))]
        score, *others = (
            cluster_bootstrap_mean(mean + shared + generator.normal(0, 0.5, items), range(items), 200, run)
            for mean in means
        )
        wrong += smallest_gain(score, {str(k): other for k, other in enumerate(others)}).smallest.low > 0
    # 2.5 % nominal, and what percentile intervals of 60 items and 400 runs add by chance
    assert wrong / runs < 0.05


def test_draws_are_paired_and_seeds_are_nested() -> None:
    """A model and a floor that rise and fall together leave a narrow gain."""
    clusters, seeds = np.random.default_rng(0).normal(size=500), np.array([-1.0, 0.0, 1.0])
    values = clusters + seeds[:, None]
    score, floor = nested_estimate(values + 0.25, seeds + 0.25, 20), nested_estimate(values, seeds, 20)
    gain = smallest_gain(score, {"floor": floor}).smallest
    assert gain.value == pytest.approx(0.25) and gain.high - gain.low < 1e-9 < np.ptp(score.draws)


def test_a_gain_needs_floors_of_the_same_items_and_draws() -> None:
    score, floor = estimates(0, 2)
    with pytest.raises(ValueError, match="at least one floor"):
        smallest_gain(score, {})
    with pytest.raises(ValueError, match="same items and draws"):
        smallest_gain(score, {"other": Estimate(floor.value, floor.draws[:50], floor.n)})
