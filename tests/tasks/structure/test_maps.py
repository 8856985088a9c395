from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.structure.maps import pair_index, pair_probabilities, positions, upper_triangle
from tests.tasks.structure import slow


@given(st.integers(2, 12), st.integers(0, 2**32 - 1), st.floats(0.01, 5))
def test_probabilities_are_those_of_plain_loops(length: int, seed: int, scale: float) -> None:
    logits = np.random.default_rng(seed).normal(scale=scale, size=(2, length, length))
    maps = (np.exp(logits) / np.exp(logits).sum(axis=2, keepdims=True)).astype(np.float32)
    found = pair_probabilities(maps)
    assert found.dtype == np.float32 and found.shape == (2, length * (length - 1) // 2)
    for head in range(2):
        expected = slow.probabilities(maps[head])
        assert list(expected) == list(zip(*(p.tolist() for p in positions(length)), strict=True))
        np.testing.assert_allclose(found[head], list(expected.values()), rtol=2e-6)


def test_a_map_is_left_as_it_was_given() -> None:
    maps = np.random.default_rng(0).random((1, 5, 5), dtype=np.float32)
    before = maps.copy()
    pair_probabilities(maps)
    assert (maps == before).all()


def test_a_map_that_sums_to_nothing_scores_one_half_everywhere() -> None:
    assert (pair_probabilities(np.zeros((1, 4, 4), np.float32)) == 0.5).all()


def test_extreme_scores_stay_within_0_and_1() -> None:
    maps = np.diag(np.full(4, 500, np.float32))[None] - np.float32(200)
    maps[0, 0, 1] = 5000
    scores = pair_probabilities(maps)
    assert ((scores >= 0) & (scores <= 1)).all()


@pytest.mark.parametrize("length", [1, 2, 7])
def test_pair_index_counts_row_by_row(length: int) -> None:
    i, j = positions(length)
    assert pair_index(i, j, length).tolist() == list(range(length * (length - 1) // 2))
    square = np.arange(length**2, dtype=np.float32).reshape(1, length, length)
    assert upper_triangle(square)[0].tolist() == (i * length + j).tolist()
