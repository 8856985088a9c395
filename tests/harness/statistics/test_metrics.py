from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from harness.statistics.metrics import auroc_from_shares, f1_of_counts, matthews_of_counts

COUNTS = st.integers(0, 9)


@given(COUNTS, COUNTS, COUNTS, COUNTS)
def test_counts_against_scikit_learn(tp: int, fp: int, fn: int, tn: int) -> None:
    truth, called = np.repeat([1, 0, 1, 0], [tp, fp, fn, tn]), np.repeat([1, 1, 0, 0], [tp, fp, fn, tn])
    if tp + fp + fn + tn == 0:
        assert matthews_of_counts(0, 0, 0, 0) == f1_of_counts(0, 0, 0) == 0
        return
    expected = metrics.matthews_corrcoef(truth, called)
    assert matthews_of_counts(tp, tp + fp, tp + fn, len(truth)) == pytest.approx(expected, abs=1e-12)
    expected = metrics.f1_score(truth, called, zero_division=0)
    assert f1_of_counts(tp, tp + fp, tp + fn) == pytest.approx(expected, abs=1e-12)


def test_counts_broadcast() -> None:
    assert f1_of_counts(np.ones((2, 3)), np.ones((2, 3)), np.array([[1], [3]])).tolist() == [[1] * 3, [0.5] * 3]
    assert matthews_of_counts(np.array([0, 2]), np.array([0, 2]), 2, 9).tolist() == pytest.approx([0, 1])


def test_auroc_from_shares_counts_a_tie_half() -> None:
    positive, negative = np.array([[0.5, 0.5, 0], [0, 0, 1.0]]), np.array([[0.5, 0.25, 0.25], [0, 0, 1.0]])
    values = np.arange(3)
    truth, scores = np.repeat([1, 0], 3), np.tile(values, 2)
    for row, own in enumerate(auroc_from_shares(positive, negative)):
        weights = np.concatenate([positive[row], negative[row]])
        assert own == pytest.approx(metrics.roc_auc_score(truth, scores, sample_weight=weights))


def test_auroc_from_shares_is_at_most_1() -> None:
    for count in range(1, 60):
        lower, upper = np.repeat([1 / count, 0], count), np.repeat([0, 1 / count], count)
        assert auroc_from_shares(upper, lower) == pytest.approx(1) and auroc_from_shares(upper, lower) <= 1
