"""Numbers of distinct keys and levels of scores against ``np.unique``."""

from __future__ import annotations

import numpy as np
import pytest

from tasks.sae.concepts.ranks import levels, numbered

GENERATOR = np.random.default_rng(0)


@pytest.mark.parametrize("most", [1, 50, 10**9])
def test_keys_are_numbered_in_order_by_table_or_by_sort(most: int) -> None:
    keys = GENERATOR.integers(0, most, 500)
    number, distinct = numbered(keys)
    known, inverse = np.unique(keys, return_inverse=True)
    assert (distinct == known).all() and (number == inverse).all()


@pytest.mark.parametrize(
    "scores",
    [
        GENERATOR.normal(size=500),
        GENERATOR.normal(size=500).round(1).astype(np.float32),
        GENERATOR.integers(-3, 4, 500) * (GENERATOR.random(500) < 0.2),
        -(GENERATOR.random(500) * (GENERATOR.random(500) < 0.1)),
        np.zeros(5),
        np.array([-1.0, -0.0, 0.0, 2.0]),
    ],
    ids=["dense", "ties", "both signs", "negative and negative zero", "zeros", "zeros of both signs"],
)
def test_equal_scores_share_a_level(scores: np.ndarray) -> None:
    assert (levels(scores) == np.unique(scores, return_inverse=True)[1]).all()


def test_nothing_has_no_level() -> None:
    assert levels(np.zeros(0)).tolist() == [] and numbered(np.zeros(0, dtype=np.int64))[0].tolist() == []
