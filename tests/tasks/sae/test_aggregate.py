"""Scores per sequence against loops, and the reason for the window: length must not be rewarded."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array

from tasks.sae.aggregate import (
    AGGREGATIONS,
    FRACTION_ACTIVE,
    FULL_MAXIMUM,
    MEAN,
    WINDOW,
    SequenceScores,
    aggregate,
    window_length,
    window_start,
)
from tasks.sae.concepts.choice import rank_auroc


def slow(code: np.ndarray, window: slice, aggregation: str) -> list[float]:
    scores = []
    for column in code.T:
        chosen = list(column[window]) if aggregation == WINDOW else list(column)
        if not chosen:
            scores.append(0.0)
        elif aggregation == MEAN:
            scores.append(sum(chosen) / len(chosen))
        elif aggregation == FRACTION_ACTIVE:
            scores.append(sum(value > 0 for value in chosen) / len(chosen))
        else:
            scores.append(max(chosen))
    return scores


@given(st.integers(0, 2**32 - 1), st.sampled_from(AGGREGATIONS))
def test_aggregate_equals_a_loop_for_dense_and_sparse_codes(seed: int, aggregation: str) -> None:
    generator = np.random.default_rng(seed)
    length = int(generator.integers(1, 12))
    code = generator.normal(size=(length, 4)).astype(np.float32)
    window = slice(int(generator.integers(0, length)), int(generator.integers(0, length + 1)))
    assert aggregate(code, window, aggregation) == pytest.approx(slow(code, window, aggregation), abs=1e-6)
    sparse = np.maximum(code, 0)
    assert aggregate(csr_array(sparse), window, aggregation) == pytest.approx(
        slow(sparse, window, aggregation), abs=1e-6
    )


def test_window_length_is_the_first_quartile() -> None:
    assert window_length([10, 20, 30, 40, 50]) == 20
    assert window_length([1]) == 1


@given(st.text("acgu", min_size=1), st.integers(1, 200), st.integers(1, 200))
def test_the_window_lies_inside_and_depends_on_the_name_alone(name: str, length: int, window: int) -> None:
    start = window_start(name, length, window)
    assert start == window_start(name, length, window)
    assert start == 0 if length <= window else 0 <= start <= length - window


def test_the_window_takes_away_the_reward_of_length() -> None:
    """Pure noise: the maximum over whole sequences tells long from short, the window maximum does not."""
    generator = np.random.default_rng(0)
    lengths = np.repeat([60, 240], 200)
    scores = SequenceScores(len(lengths), 20, (WINDOW, FULL_MAXIMUM))
    for index, length in enumerate(lengths):
        start = window_start(str(index), int(length), 60)
        scores.put(index, generator.normal(size=(length, 20)), slice(start, start + 60))
    rows, is_long = np.arange(len(lengths)), (lengths > 60)[:, None]
    full, window = (rank_auroc(scores.get(name, rows), is_long)[0].mean() for name in (FULL_MAXIMUM, WINDOW))
    assert full > 0.75 and abs(window - 0.5) < 0.03
