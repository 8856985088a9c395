from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score, matthews_corrcoef, roc_auc_score

from tasks.overlap_ratio.separation import exact_shares, separation

numbers = st.lists(st.integers(-5, 5), min_size=1, max_size=12)


@settings(max_examples=60)
@given(numbers, numbers)
def test_against_scikit_learn(first: list[int], second: list[int]) -> None:
    positive, negative = np.array(first) / 4, np.array(second) / 4
    values, p, q = exact_shares(positive, negative)
    found = separation(p, q, values)
    truth = np.repeat([1, 0], [len(positive), len(negative)])
    scores = np.concatenate([positive, negative])
    weight = 1 / np.repeat([len(positive), len(negative)], [len(positive), len(negative)])
    assert found["auroc"] == pytest.approx(roc_auc_score(truth, scores))
    predictions = [scores >= threshold for threshold in values]
    best = [max(f(truth, p, sample_weight=weight) for p in predictions) for f in (f1_score, matthews_corrcoef)]
    assert found["best_f1"] == pytest.approx(best[0]) and found["mcc"] == pytest.approx(max(best[1], 0), abs=1e-9)
    assert found["difference_of_means"] == pytest.approx(positive.mean() - negative.mean())
    assert found["difference_of_medians"] == pytest.approx(np.median(positive) - np.median(negative))


def test_apart_and_identical() -> None:
    apart = separation(*(lambda v, p, q: (p, q, v))(*exact_shares(np.array([0.8, 0.9]), np.array([0.1, 0.2]))))
    assert apart["auroc"] == apart["best_f1"] == apart["mcc"] == pytest.approx(1)
    assert apart["overlap_ratio_histogram"] == pytest.approx(0)
    same = np.array([0.1, 0.5, 0.5])
    values, p, q = exact_shares(same, same)
    found = separation(p, q, values)
    assert found["auroc"] == pytest.approx(0.5) and found["best_f1"] == pytest.approx(2 / 3)
    assert found["mcc"] == pytest.approx(0) and found["overlap_ratio_histogram"] == pytest.approx(1)


def test_many_draws_at_once_are_each_alone() -> None:
    generator = np.random.default_rng(0)
    rows = generator.dirichlet(np.ones(40), size=(2, 5))
    values = np.linspace(-1, 1, 40)
    together = separation(rows[0], rows[1], values, np.arange(0, 40, 4))
    for draw in range(5):
        alone = separation(rows[0, draw], rows[1, draw], values, np.arange(0, 40, 4))
        for name, value in alone.items():
            assert together[name][draw] == pytest.approx(float(value)), name
