from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse

from tasks.sae.concepts.membership import one_label_each
from tasks.sae.concepts.selectivity import median_tau_draws, selectivity


def test_against_loops_on_unbalanced_classes():
    generator = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2, 3], [3, 20, 5, 9])
    scores = np.maximum(generator.normal(size=(37, 12)), 0)
    scores[:, 4] = 0
    got = selectivity(scores, one_label_each(labels, 4))
    for j in range(12):
        means = [np.mean([s for s, c in zip(scores[:, j], labels, strict=True) if c == k]) for k in range(4)]
        if j == 4:
            assert np.isnan(got.tau[j])
            assert np.isnan(got.information[j])
            continue
        tau = sum(1 - m / max(means) for m in means) / 3
        shares = [m / sum(means) for m in means]
        information = 1 + sum(p * np.log(p) for p in shares if p > 0) / np.log(4)
        assert got.tau[j] == pytest.approx(tau)
        assert got.information[j] == pytest.approx(information)
    assert got.live == 11
    assert got.median_tau == pytest.approx(np.median(np.delete(got.tau, 4)))
    assert got.median_information == pytest.approx(np.median(np.delete(got.information, 4)))


def test_extremes_do_not_depend_on_class_size():
    labels = np.repeat([0, 1, 2], [1, 50, 2])
    scores = np.column_stack([labels == 0, np.ones(53), np.where(labels == 1, -1, 2.0)])
    got = selectivity(scores, one_label_each(labels, 3))
    assert got.tau == pytest.approx([1, 0, 0.5])
    assert got.information == pytest.approx([1, 0, 1 - np.log(2) / np.log(3)])


def test_without_a_live_feature_the_median_is_nan():
    got = selectivity(-np.ones((4, 2)), one_label_each([0, 0, 1, 1], 2))
    assert got.live == 0
    assert np.isnan([got.median_tau, got.median_information]).all()


@pytest.mark.parametrize("sparse", [False, True])
def test_draws_are_the_median_of_items_that_are_repeated(sparse: bool) -> None:
    """Every draw anew, from a table in which an item stands as often as its unit was drawn."""
    generator = np.random.default_rng(1)
    labels = generator.integers(3, size=60)
    units = generator.integers(9, size=60)
    member = one_label_each(labels, 3)
    member[5:9] = True  # items of several concepts, and of none
    member[10:14] = False
    scores = generator.normal(size=(60, 8))
    scores[:, 2] = -1
    weights = generator.multinomial(9, np.full(9, 1 / 9), size=45)
    weights[-1] = 0  # a draw without items
    given = scipy.sparse.csr_array(scores) if sparse else scores
    found = median_tau_draws(given, member, units, weights.astype(float))
    for draw, own in zip(weights[:-1], found, strict=False):
        rows = np.repeat(np.arange(60), draw[units])
        assert own == pytest.approx(selectivity(scores[rows], member[rows]).median_tau)
    assert np.isnan(found[-1])
