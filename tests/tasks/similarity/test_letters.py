"""The mean of each letter removed: states that are letters and nothing else, rotated copies, independent ones."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from harness.statistics.bootstrap import cluster_weights
from tasks.similarity.comparisons import CKA, LESS_LETTERS, comparers
from tasks.similarity.letters import less_letters
from tasks.similarity.states import NUCLEOTIDES, key

RNAS, EACH, WIDTH = 40, 8, 30
COUNT = RNAS * EACH
Floats = NDArray[np.float32]
GENERATOR = np.random.default_rng(0)
LETTERS = GENERATOR.choice(list("ACGU"), COUNT)
ONE_HOT = (LETTERS[:, None] == np.array(list("ACGU"))).astype(np.float64)


def normal(seed: int, rows: int = COUNT, width: int = WIDTH) -> NDArray[np.float64]:
    return np.random.default_rng(seed).normal(size=(rows, width))


def compared(first: np.ndarray, second: np.ndarray) -> dict[str, float]:
    comparer, _ = comparers(EACH, 5, LETTERS, cluster_weights(range(RNAS), 50))
    views = [comparer.view({key(NUCLEOTIDES, 0): own.astype(np.float32)}, 0) for own in (first, second)]
    return {name: own.value for name, own in comparer.compare(*views).items()}


def test_what_is_left_is_the_residual_of_a_regression_on_letters() -> None:
    states = normal(1) + 5 * ONE_HOT @ normal(2, 4)
    fitted = ONE_HOT @ np.linalg.lstsq(ONE_HOT, states, rcond=None)[0]
    np.testing.assert_allclose(less_letters(states.astype(np.float32), LETTERS), states - fitted, atol=1e-4)


def test_letters_alone_leave_nothing_to_compare() -> None:
    """CKA of any two sets of letter means is high, rounding included; without them there is none."""
    letters = (ONE_HOT @ normal(3, 4, 400)).astype(np.float32)
    rounding = letters + 1e-6 * normal(4, width=400)
    found = compared(letters, rounding)
    assert found[CKA] == pytest.approx(1, abs=1e-5) and np.isnan(found[LESS_LETTERS])
    assert np.isnan(compared(letters, normal(5))[LESS_LETTERS])


def test_a_rotated_copy_is_the_same_whatever_its_letters() -> None:
    states = normal(6)
    turned = 3 * states @ np.linalg.qr(normal(7, WIDTH))[0] + 20 * ONE_HOT @ normal(8, 4)
    found = compared(states, turned)
    assert found[LESS_LETTERS] == pytest.approx(1, abs=1e-5) and found[CKA] < 0.3


def test_context_that_is_independent_shares_nothing_once_letters_are_gone() -> None:
    pairs = [
        (normal(10 + k) + 5 * ONE_HOT @ normal(50, 4), normal(30 + k) + 5 * ONE_HOT @ normal(51, 4)) for k in range(8)
    ]
    found = [compared(*pair) for pair in pairs]
    assert min(own[CKA] for own in found) > 0.3
    values = [own[LESS_LETTERS] for own in found]
    assert abs(np.mean(values)) < 0.01 and max(map(abs, values)) < 0.05
