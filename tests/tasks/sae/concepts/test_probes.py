from __future__ import annotations

import time

import numpy as np
import pytest
from scipy.optimize import minimize
from sklearn.metrics import roc_auc_score

from tasks.sae.concepts.membership import one_label_each
from tasks.sae.concepts.probes import dense_probe, probe_scores, share_of_dense, sparse_probes


def make(concepts: int, features: int, signal: float, seed: int):
    generator, labels = np.random.default_rng(seed), np.repeat(np.arange(concepts), 10)
    means = np.random.default_rng(99).normal(size=(concepts, features)) * signal
    return (means[labels] + generator.normal(size=(len(labels), features))) * 7 + 3, one_label_each(labels, concepts)


def test_probe_scores_minimise_the_balanced_penalised_loss():
    scores, labels = make(3, 4, 0.5, 0)
    positive = labels[:, 1]
    got = probe_scores(scores, positive, scores)
    x = (scores - scores.mean(axis=0)) / scores.std(axis=0)
    weights, target = np.where(positive, 30 / 2 / 10, 30 / 2 / 20), np.where(positive, 1, -1)

    def loss(parameters: np.ndarray) -> float:
        margin = target * (x @ parameters[:-1] + parameters[-1])
        return float((weights * np.logaddexp(0, -margin)).sum() + (parameters[:-1] ** 2).sum() / 2)

    best = minimize(loss, np.zeros(5), tol=1e-10).x
    assert got == pytest.approx(x @ best[:-1] + best[-1], abs=1e-2)


def test_scale_and_constant_columns_do_not_matter():
    (fit, labels), (held, _) = make(3, 4, 0.5, 0), make(3, 4, 0.5, 1)
    plain = probe_scores(fit, labels[:, 0], held)
    scaled = [np.column_stack([x * [1, 100, 0.01, 3] - 5, np.ones(30)]) for x in (fit, held)]
    assert probe_scores(scaled[0], labels[:, 0], scaled[1]) == pytest.approx(plain, abs=1e-6)


def test_sparse_probes_use_the_strongest_features_of_select():
    (select, labels), (test, _) = make(4, 30, 0.8, 2), make(4, 30, 0.8, 3)
    got = sparse_probes(select, labels, test, labels, sizes=(1, 3))
    for c in range(4):
        strength = [abs(roc_auc_score(labels[:, c], select[:, j]) - 0.5) for j in range(30)]
        order = sorted(range(30), key=lambda j: -strength[j])
        for row, k in enumerate((1, 3)):
            decision = probe_scores(select[:, order[:k]], labels[:, c], test[:, order[:k]])
            assert got[row, c] == pytest.approx(roc_auc_score(labels[:, c], decision))


def test_more_features_approach_the_dense_probe_and_shares_are_above_chance():
    (select, labels), (test, _) = make(10, 40, 0.5, 4), make(10, 40, 0.5, 5)
    sparse, dense = (
        sparse_probes(select, labels, test, labels),
        dense_probe(select, labels, test, labels),
    )
    share = share_of_dense(sparse, dense)
    assert share == pytest.approx((sparse.mean(axis=1) - 0.5) / (dense.mean() - 0.5))
    assert (np.diff(share) > 0).all()
    assert share[0] > 0.2
    assert np.isnan(share_of_dense(sparse, np.full(10, 0.5))).all()


def test_noise_is_chance_on_test():
    (select, labels), (test, _) = make(20, 300, 0, 6), make(20, 300, 0, 7)
    sparse = sparse_probes(select, labels, test, labels)
    assert sparse.shape == (4, 20)
    assert sparse.mean(axis=1) == pytest.approx([0.5] * 4, abs=0.07)
    assert dense_probe(select, labels, test, labels).mean() == pytest.approx(0.5, abs=0.07)


def test_more_features_asked_for_than_there_are():
    (select, labels), (test, _) = make(3, 2, 1, 8), make(3, 2, 1, 9)
    got = sparse_probes(select, labels, test, labels)
    assert (got[1] == got[3]).all()


def test_forty_eight_concepts_take_seconds():
    (select, labels), (test, _) = make(48, 2000, 0.3, 10), make(48, 2000, 0.3, 11)
    start = time.perf_counter()
    sparse_probes(select, labels, test, labels)
    assert time.perf_counter() - start < 15  # under 3 s on an idle core
