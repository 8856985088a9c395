from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from harness.statistics.metrics import PREVALENCE, f1_score, matthews, precision
from tasks.sae.concepts.membership import class_means, one_label_each

RATES = st.floats(0, 1)


def test_membership_and_class_means():
    member = one_label_each([1, 0, 1], 2)
    assert member.tolist() == [[0, 1], [1, 0], [0, 1]]
    assert class_means([[1.0, 2], [3, 4], [5, 8]], member).tolist() == [[3, 4], [3, 5]]
    with pytest.raises(ValueError, match="not within 0 to 1"):
        one_label_each([0, 2], 2)
    with pytest.raises(ValueError, match="not within"):
        one_label_each([-1, 0], 2)


@given(RATES, RATES, st.floats(0.01, 0.99))
def test_rates_are_those_of_weighted_counts(t, f, prevalence):
    truth, called = [1, 1, 0, 0], [1, 0, 1, 0]
    others = 1 - prevalence
    weights = [prevalence * t, prevalence * (1 - t), others * f, others * (1 - f)]
    if 1e-6 < weights[0] + weights[2] < 1 - 1e-6:
        expected = metrics.matthews_corrcoef(truth, called, sample_weight=weights)
        assert matthews(t, f, prevalence) == pytest.approx(expected, abs=1e-6)
    assert f1_score(t, f, prevalence) == pytest.approx(metrics.f1_score(truth, called, sample_weight=weights))
    if weights[0] + weights[2] > 0:
        expected = metrics.precision_score(truth, called, sample_weight=weights)
        assert precision(t, f, prevalence) == pytest.approx(expected)


def test_calling_everything_or_nothing():
    assert matthews([1, 0], [1, 0]).tolist() == [0, 0]
    assert precision([1, 0], [1, 0]) == pytest.approx([PREVALENCE, 0])
    assert f1_score(0, 0) == 0


def test_perfect_and_inverted_calls():
    assert matthews([1, 0], [0, 1]) == pytest.approx([1, -1])
    assert f1_score(1, 0) == 1


@given(RATES)
def test_a_call_that_ignores_the_concept_has_mcc_zero(rate):
    assert matthews(rate, rate) == pytest.approx(0, abs=1e-9)
