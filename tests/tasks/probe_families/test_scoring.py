"""Macro scores and their draws against scikit-learn and loops."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, f1_score

from tasks.probe_families.scoring import Truth, macro, over_seeds

LABELS = np.repeat([0, 1, 2], [6, 4, 5])
NAMES = tuple(f"s{k}" for k in range(15))


def predicted(seed: int = 0) -> np.ndarray:
    generator = np.random.default_rng(seed)
    return np.where(generator.random(15) < 0.6, LABELS, generator.integers(3, size=15))


def test_macro_scores_are_those_of_scikit_learn() -> None:
    own = predicted()
    found = macro(LABELS, own, 3)
    assert found["f1"] == pytest.approx(f1_score(LABELS, own, average="macro"))
    assert found["accuracy"] == pytest.approx(balanced_accuracy_score(LABELS, own))
    assert macro(LABELS, np.zeros(15, int), 3)["f1"] == pytest.approx(f1_score(LABELS, 0 * LABELS, average="macro"))


def test_every_draw_is_the_score_of_the_drawn_sequences() -> None:
    truth, own = Truth(LABELS, 3, NAMES, 100), predicted()
    found = truth.estimates(own)
    for draw in (0, 41, 99):
        rows = np.repeat(np.arange(15), truth.weights[draw].astype(int))
        assert found["f1"].draws[draw] == pytest.approx(f1_score(LABELS[rows], own[rows], average="macro"))
        assert found["accuracy"].draws[draw] == pytest.approx(balanced_accuracy_score(LABELS[rows], own[rows]))
    assert (found["f1"].n, found["f1"].value) == (15, macro(LABELS, own, 3)["f1"])
    right = truth.estimates(LABELS)["f1"].interval()
    assert (right.low, right.high) == (1, 1)


def test_seeds_widen_the_interval_and_one_has_none() -> None:
    truth = Truth(LABELS, 3, NAMES, 500)
    one, two = (truth.estimates(predicted(seed))["f1"] for seed in (0, 3))
    assert over_seeds([one]) is one
    both = over_seeds([one, two])
    assert both.value == pytest.approx((one.value + two.value) / 2) and both.draws.std() > one.draws.std()
