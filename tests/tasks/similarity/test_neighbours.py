"""Mutual nearest neighbours against a slow loop, their chance value, and ties."""

from __future__ import annotations

import numpy as np
import pytest

from harness.statistics.bootstrap import cluster_weights
from tasks.similarity.neighbours import chance, neighbourhoods, shared_neighbours
from tests.tasks.similarity import slow


def normal(seed: int, rows: int, width: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(rows, width)).astype(np.float32)


def shared(x: np.ndarray, y: np.ndarray, each: int, count: int) -> float:
    weights = cluster_weights(range(len(x) // each), 100)
    first, second = (neighbourhoods(states, each, count) for states in (x, y))
    return shared_neighbours(first, second, each, count, weights).value


@pytest.mark.parametrize("each", [1, 3])
def test_shares_are_those_of_the_slow_loop(each: int) -> None:
    x = normal(0, 60, 8)
    y = np.hstack([x[:, :5], normal(1, 60, 4)])
    expected = slow.shared_neighbours(x, y, [place // each for place in range(60)], 7)
    assert 0.2 < expected < 0.9
    assert shared(x, y, each, 7) == pytest.approx(expected)
    assert shared(x, 2 * x, each, 7) == pytest.approx(1)


@pytest.mark.parametrize("width", [2, 300])
def test_independent_layers_share_what_chance_gives(width: int) -> None:
    assert chance(61, 1, 6) == 0.1
    found = [shared(normal(seed, 60, width), normal(50 + seed, 60, width), 1, 6) for seed in range(30)]
    assert np.mean(found) == pytest.approx(chance(60, 1, 6), abs=4 * np.std(found) / np.sqrt(30))


def test_an_rna_is_no_neighbour_of_itself() -> None:
    near = neighbourhoods(np.repeat(normal(0, 10, 6), 4, axis=0), 4, 5)
    for rna in range(10):
        assert not near[4 * rna : 4 * rna + 4, 4 * rna : 4 * rna + 4].any()
    np.testing.assert_allclose(near.sum(axis=1), 5, rtol=1e-6)


def test_of_equally_near_neighbours_each_is_as_likely() -> None:
    """Four letters: the order in which they happen to be stored makes no neighbours, nor does rounding."""
    letters = np.eye(4, dtype=np.float32)[np.arange(40) % 4] * np.linspace(0.1, 3, 40, dtype=np.float32)[:, None]
    near = neighbourhoods(letters, 1, 3)
    np.testing.assert_allclose(near[0, 4::4], 3 / 9)
    assert shared(letters, letters, 1, 3) == pytest.approx(3 / 9)
