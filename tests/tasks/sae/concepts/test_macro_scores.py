from __future__ import annotations

import time

import numpy as np
import pytest

from harness.statistics.bootstrap import stratified_cluster_weights
from harness.statistics.metrics import matthews, weighted_auroc
from tasks.sae.concepts import choice
from tasks.sae.concepts.choice import select_features
from tasks.sae.concepts.macro_scores import macro_scores
from tasks.sae.concepts.membership import one_label_each


def make(concepts: int, seeds: int, features: int, signal: float = 1.5):
    generator, labels = np.random.default_rng(0), np.repeat(np.arange(concepts), 10)
    planted = signal * np.eye(concepts)[labels] @ np.eye(concepts, features)
    select, test = (
        [np.maximum(generator.normal(size=(len(labels), features)) + planted - 0.5, 0).round(1) for _ in range(seeds)]
        for _ in range(2)
    )
    return test, [select_features(matrix, one_label_each(labels, concepts)) for matrix in select], labels


def test_every_draw_against_weighted_counts():
    scores, choices, labels = make(4, 2, 12)
    weights = stratified_cluster_weights(labels, range(40), draws=25, seed=1)
    got = macro_scores(scores[:1], choices[:1], one_label_each(labels, 4), weights)
    auroc, mcc = np.zeros(25), np.zeros(25)
    for c in range(4):
        x, positive = choices[0].sign[c] * scores[0][:, choices[0].feature[c]], labels == c
        auroc += weighted_auroc(x[positive], x[~positive], weights[:, positive], weights[:, ~positive]) / 4
        called = x >= choices[0].threshold[c]
        for b in range(25):
            t = np.average(called[positive], weights=weights[b, positive])
            f = np.average(called[~positive], weights=weights[b, ~positive])
            mcc[b] += matthews(t, f) / 4
    assert got.auroc.draws == pytest.approx(auroc)
    assert got.mcc.draws == pytest.approx(mcc)
    assert got.auroc.note.startswith("1 seed")


def test_points_are_the_means_of_the_test_scores():
    scores, choices, labels = make(5, 3, 30)
    got = macro_scores(
        scores, choices, one_label_each(labels, 5), stratified_cluster_weights(labels, range(50), draws=10)
    )
    per_seed = [choice.held_out_scores(s, x, one_label_each(labels, 5)) for s, x in zip(choices, scores, strict=True)]
    for name in ("auroc", "mcc", "f1"):
        assert getattr(got, name).value == pytest.approx(np.mean([getattr(t, name).mean() for t in per_seed]))
    assert got.auroc.n == 50
    assert got.auroc.note.startswith("3 seeds")


def test_gain_of_a_source_over_itself_is_exactly_zero():
    scores, choices, labels = make(5, 3, 30)
    weights = stratified_cluster_weights(labels, range(50), draws=50)
    gain = (
        macro_scores(scores, choices, one_label_each(labels, 5), weights).auroc
        - macro_scores(scores, choices, one_label_each(labels, 5), weights).auroc
    )
    assert not gain.draws.any()


def test_a_whole_table_takes_about_a_second():
    scores, choices, labels = make(48, 5, 100)
    weights = stratified_cluster_weights(labels, range(480), draws=1000)
    start = time.perf_counter()
    macro_scores(scores, choices, one_label_each(labels, 48), weights)
    assert time.perf_counter() - start < 8  # about one second on an idle core; CI is slower
