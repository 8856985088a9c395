from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from harness.adapter import ModelAdapter, ModelOptions
from harness.registry import Registry
from tasks.dependency_map.fingerprints import likeness
from tasks.dependency_map.maps import (
    centred_jacobian,
    dependency,
    dependency_score,
    jacobian_map,
    jacobian_score,
    unit_of,
)
from tasks.dependency_map.substitutions import is_causal, substituted
from tests.tasks.dependency_map import slow
from tests.tasks.dependency_map.planted import Causal, Contextual, log_softmax

SEQUENCES = ("ACGUUGCAAC", "GNCAU", "AC")


def nano() -> ModelAdapter:
    return Registry.discover().model("ncrna-nano", ModelOptions())


@pytest.mark.parametrize("sequence", SEQUENCES)
@pytest.mark.parametrize("make", [Contextual, Causal, nano])
def test_both_maps_are_those_of_a_plain_loop(make: type[ModelAdapter], sequence: str) -> None:
    model = make()
    causal = is_causal(model)

    def predict(letters: str) -> np.ndarray:
        [(_, values)] = (model.causal_log_probs if causal else model.unmasked_log_probs)([letters])
        return values

    before, after = substituted(model, sequence)
    found = dependency(before, after)
    np.testing.assert_allclose(found, slow.dependency_map(sequence, predict), rtol=1e-5, atol=1e-5)
    assert (found == found.T).all() and not found.diagonal().any() and found.max() > 0.1
    expected = slow.jacobian(sequence, predict)
    centred = centred_jacobian(before, after)
    np.testing.assert_allclose(centred, expected, rtol=1e-5, atol=1e-5)
    corrected = jacobian_map(centred, causal)
    np.testing.assert_allclose(corrected, slow.jacobian_map(expected, causal), rtol=1e-5, atol=1e-5)
    alike = likeness(centred, causal)
    for i in range(len(sequence)):
        for j in range(i + 1, len(sequence)):
            np.testing.assert_allclose(alike[:, i, j], slow.likeness(expected, i, j, causal), atol=1e-4)


def test_a_causal_model_has_one_triangle() -> None:
    before, after = substituted(Causal(), "ACGUUGCA")
    for i in range(8):
        np.testing.assert_array_equal(after[i, :, : i + 1], np.broadcast_to(before[: i + 1], (4, i + 1, 4)))
        assert i == 7 or np.abs(after[i, :, i + 1 :] - before[i + 1 :]).max() > 0.01


def test_a_known_odds_ratio() -> None:
    """Two positions: the second predicts G with odds 1 : 3, with U in the first 3 : 1."""
    uniform = np.full((2, 4), np.log(0.25), np.float32)
    after = np.broadcast_to(uniform, (2, 4, 2, 4)).copy()
    after[0, 3, 1] = np.log([1 / 12, 1 / 12, 3 / 4, 1 / 12])
    found = dependency(uniform, after)
    # G: from odds 1/3 to 3, so that log2 9; the others from 1/3 to 1/11
    np.testing.assert_allclose(found, [[0, np.log2(9)], [np.log2(9), 0]], rtol=1e-6)


def test_certain_predictions_stay_finite_and_keep_their_digits() -> None:
    logits = np.zeros((2, 4), np.float32)
    logits[1, 0] = 18
    before = log_softmax(logits)
    after = np.broadcast_to(before, (2, 4, 2, 4)).copy()
    logits[1, 0] = 17
    after[0, 1] = log_softmax(logits)
    expected = 1 / np.log(2)  # eps is 1 % of what is left
    assert dependency(before, after)[0, 1] == pytest.approx(expected, rel=0.02)
    after[0, 2, 1] = [0, -200, -200, -200]
    assert np.isfinite(dependency(before, after)).all()


def test_a_likeness_is_one_for_its_own_fingerprint() -> None:
    jacobian = np.zeros((2, 4, 2, 4), np.float32)
    jacobian[0, :, 1] = jacobian[1, :, 0] = 3 * np.eye(4)[::-1] - 0.75
    np.testing.assert_allclose(likeness(jacobian, False)[:, 0, 1], [1, -1 / 3], atol=1e-6)
    jacobian[0, :, 1] = jacobian[1, :, 0] = np.eye(4) - 0.25
    np.testing.assert_allclose(likeness(jacobian, False)[:, 0, 1], [-1 / 3, 1], atol=1e-6)
    jacobian[1, :, 0] = 0
    np.testing.assert_allclose(likeness(jacobian, True)[:, 1, 0], [-1 / 3, 1], atol=1e-6)
    assert not likeness(np.zeros_like(jacobian), False).any()


@given(arrays(np.float32, 20, elements=st.floats(-60, 60, width=32), unique=True))
def test_scores_keep_the_order_and_lie_on_the_grid(values: np.ndarray) -> None:
    order = np.sort(values)
    for scored in (jacobian_score(order), dependency_score(np.sort(np.abs(order)))):
        assert (np.diff(scored) >= 0).all() and scored.min() >= 0 and scored.max() <= 1
    # what differs by a thousandth stays apart at 60
    assert dependency_score(np.float32(60.01)) > dependency_score(np.float32(60))
    assert jacobian_score(np.float32(60.01)) > jacobian_score(np.float32(60))


def test_a_map_of_nothing_stays_nothing() -> None:
    assert not jacobian_map(np.zeros((3, 4, 3, 4), np.float32), False).any()


@given(st.floats(0.001, 1000), st.integers(0, 2**32 - 1))
def test_the_unit_takes_the_scale_away(scale: float, seed: int) -> None:
    values = np.random.default_rng(seed).normal(size=500)
    assert unit_of(values * scale) == pytest.approx(scale * unit_of(values), rel=1e-6)
    assert 4 <= (np.abs(values) > unit_of(values)).sum() <= 6
    assert unit_of(np.zeros(3)) == 1
