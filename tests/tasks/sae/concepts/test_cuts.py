"""The exact best MCC of every feature against all thresholds tried one by one."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse
from sklearn.metrics import matthews_corrcoef

from tasks.sae.concepts.cuts import best_cuts, best_cuts_of_each, split_half_mcc

GENERATOR = np.random.default_rng(0)
ITEMS, FEATURES, CONCEPTS = 60, 7, 3
MEMBER = GENERATOR.random((ITEMS, CONCEPTS)) < [0.5, 0.2, 0.1]


def slow(column: np.ndarray, positive: np.ndarray) -> tuple[float, float]:
    found = [matthews_corrcoef(positive, column >= cut) for cut in np.unique(column)]
    return max(0.0, *found), max(0.0, *(-value for value in found))


@pytest.mark.parametrize("ties", [False, True])
def test_same_as_trying_every_threshold(ties: bool) -> None:
    scores = GENERATOR.normal(size=(ITEMS, FEATURES))
    scores = np.round(scores) if ties else scores
    found = best_cuts(scores, MEMBER)
    for f in range(FEATURES):
        for c in range(CONCEPTS):
            assert (found.above[c, f], found.below[c, f]) == pytest.approx(slow(scores[:, f], MEMBER[:, c]))


def test_sparse_scores_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    scores = GENERATOR.random((ITEMS, FEATURES)) * (GENERATOR.random((ITEMS, FEATURES)) < 0.3)
    scores[:, 2] = 0  # dead
    scores[:, 4] = 1.5  # always on
    dense, sparse = best_cuts(scores, MEMBER), best_cuts(scipy.sparse.csr_array(scores), MEMBER)
    assert np.allclose(dense.above, sparse.above) and np.allclose(dense.below, sparse.below)
    assert not dense.above[:, [2, 4]].any() and not dense.below[:, [2, 4]].any()
    monkeypatch.setattr("tasks.sae.concepts.cuts._BLOCK", 2 * ITEMS)  # two features at once
    assert np.allclose(best_cuts(scores, MEMBER).above, dense.above)


def test_several_memberships_from_one_sort_are_each_as_alone() -> None:
    scores = GENERATOR.normal(size=(ITEMS, FEATURES)).clip(0).round(1)
    members = [np.roll(MEMBER, shift, axis=0) for shift in (0, 7, 20)]
    for given in (scores, scipy.sparse.csr_array(scores)):
        for found, member in zip(best_cuts_of_each(given, members), members, strict=True):
            alone = best_cuts(given, member)
            assert (found.above == alone.above).all() and (found.below == alone.below).all()


def test_negative_sparse_scores_are_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        best_cuts(scipy.sparse.csr_array(np.array([[0.0, -1.0]])), MEMBER[:1])


def test_the_choice_reaches_what_the_cuts_promise() -> None:
    scores = GENERATOR.normal(size=(ITEMS, FEATURES))
    scores[:, 3] -= 2 * MEMBER[:, 0]
    cuts = best_cuts(scores, MEMBER)
    choice = cuts.choose(scores, MEMBER)
    assert (choice.feature[0], choice.sign[0]) == (3, -1) and choice.select_auroc[0] > 0.8
    called = choice.oriented(scores) >= choice.threshold
    for c in range(CONCEPTS):
        best = max(cuts.above[c].max(), cuts.below[c].max())
        assert matthews_corrcoef(MEMBER[:, c], called[:, c]) == pytest.approx(best) == choice.select_mcc[c]
    few = cuts.choose(scores, MEMBER, np.array([1, 5]))
    assert set(few.feature) <= {1, 5}


def test_halves_of_noise_reach_nothing_and_halves_of_a_detector_everything() -> None:
    member = np.tile([[True], [False]], (400, 1))
    half = np.arange(800) < 400
    noise = GENERATOR.normal(size=(800, 50))
    assert abs(split_half_mcc(noise, member, half, [0])) < 0.12
    assert split_half_mcc(np.column_stack([noise, member]), member, half, [0]) == 1
    assert split_half_mcc(np.ones((800, 2)), member, half, [0]) == 0
