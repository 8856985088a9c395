from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import matthews_corrcoef

from tasks.structure.counts import Tally
from tasks.structure.estimates import Bootstrap
from tasks.structure.protocol import HeadSelection, HeldOut
from tasks.structure.selection import Choice

UNITS = ["a", "a", "b", "c"]
PAIRS = np.array([4, 3, 0, 5])
TOTAL = np.array([20, 30, 10, 40])
TP = np.array([[2, 4], [1, 0], [0, 0], [3, 5]])
PREDICTED = np.array([[5, 9], [2, 1], [3, 0], [4, 9]])


def table() -> pd.DataFrame:
    fp, fn = PREDICTED[:, 0] - TP[:, 0], PAIRS - TP[:, 0]
    counts = {"tp": TP[:, 0], "fp": fp, "fn": fn, "tn": TOTAL - TP[:, 0] - fp - fn}
    return pd.DataFrame({"unit": UNITS, "pairs": PAIRS, "score": [0.5, 0.1, np.nan, 0.9], **counts})


def slow_f1(column: int, weights: np.ndarray) -> float | None:
    tp = sum(w * t for w, t in zip(weights, TP[:, column], strict=True))
    predicted = sum(w * p for w, p in zip(weights, PREDICTED[:, column], strict=True))
    known = sum(w * p for w, p in zip(weights, PAIRS, strict=True))
    return 2 * tp / (predicted + known) if predicted + known else None


def test_nested_draws_score_the_choice_of_each_draw() -> None:
    draws = 100
    options = [Choice(1, 0, 500), Choice(2, 1, 300)]
    chosen = [options[k % 2] for k in range(draws)]
    selection = HeadSelection([(1, 0), (2, 1)], np.zeros((2, 1001)), options[0], None, chosen, 0.5, 0.5)
    tested = HeldOut(Tally(), [], options, TP, PREDICTED)
    bootstrap = Bootstrap(table(), draws)
    nested = bootstrap.nested(selection, tested)
    expected = [slow_f1(k % 2, bootstrap.weights[k]) for k in range(draws)]
    # a draw without a value keeps its place
    in_place = [np.nan if value is None else value for value in expected]
    assert np.allclose(nested["f1_pooled"].draws, in_place, equal_nan=True)
    assert nested["f1_pooled"].value == slow_f1(0, np.ones(4)) and nested["f1_pooled"].n == 3
    per_rna = [2 * TP[k, 0] / (PREDICTED[k, 0] + PAIRS[k]) for k in (0, 1, 3)]
    assert nested["f1_per_rna"].value == pytest.approx(np.mean(per_rna))
    truth = np.repeat([1, 0, 1, 0], [6, 8, 6, 80])
    predicted = np.repeat([1, 1, 0, 0], [6, 8, 6, 80])
    assert nested["mcc"].value == pytest.approx(matthews_corrcoef(truth, predicted))
    assert selection.frequency() == {(1, 0): 50, (2, 1): 50} and selection.options == options
    assert {name for name in nested} == {"f1_pooled", "f1_per_rna", "mcc"}


def test_rnas_without_pairs_are_left_out_of_means_and_kept_in_pooled_counts() -> None:
    bootstrap = Bootstrap(table(), 200)
    assert bootstrap.mean("score").value == pytest.approx(0.5) and bootstrap.mean("score").n == 2
    assert bootstrap.f1().value == pytest.approx(2 * 6 / (14 + 12))
    members = np.array([False, False, True, False])
    assert bootstrap.ratio(np.ones(4), np.ones(4), members).n == 1
    assert bootstrap.ratio(np.zeros(4), np.zeros(4)) is None


def test_items_of_a_family_are_drawn_together() -> None:
    weights = Bootstrap(table(), 300).weights
    assert (weights[:, 0] == weights[:, 1]).all() and (weights[:, 0] != weights[:, 2]).any()
