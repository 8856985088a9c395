"""AUROC within strata against sklearn, and its draws against a bootstrap that resamples items for real."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from harness.statistics.bootstrap import cluster_weights
from tasks.sae.concepts.conditional import pair_sums

GENERATOR = np.random.default_rng(0)
GROUPS, EACH = 60, 40
GROUP = np.repeat(np.arange(GROUPS), EACH)
ITEMS = GROUPS * EACH
BASE = GENERATOR.integers(0, 4, ITEMS)
POSITIVE = GENERATOR.random(ITEMS) < 0.2 + 0.1 * BASE
SCORES = np.round(GENERATOR.normal(size=ITEMS) + 0.5 * POSITIVE + GENERATOR.normal(size=GROUPS)[GROUP], 1)


def slow(rows: np.ndarray) -> float:
    """Strata one by one, weighted by their pairs."""
    total = weight = 0.0
    for base in range(4):
        own = rows[BASE[rows] == base]
        pairs = POSITIVE[own].sum() * (~POSITIVE[own]).sum()
        if pairs:
            total += pairs * roc_auc_score(POSITIVE[own], SCORES[own])
            weight += pairs
    return total / weight


def test_same_as_strata_one_by_one() -> None:
    found = pair_sums(SCORES, POSITIVE, BASE, GROUP, GROUPS)
    assert found.auroc == pytest.approx(slow(np.arange(ITEMS)))
    whole = pair_sums(SCORES, POSITIVE, np.zeros(ITEMS), GROUP, GROUPS)
    assert whole.auroc == pytest.approx(roc_auc_score(POSITIVE, SCORES))


def test_a_one_hot_base_scores_exactly_a_half() -> None:
    assert pair_sums(BASE == 2, POSITIVE, BASE, GROUP, GROUPS).auroc == 0.5
    assert pair_sums(BASE == 2, POSITIVE, np.zeros(ITEMS), GROUP, GROUPS).auroc != 0.5


def test_draws_follow_those_that_resample_the_items() -> None:
    weights = cluster_weights(range(GROUPS), 300)
    draws = pair_sums(SCORES, POSITIVE, BASE, GROUP, GROUPS).draws(weights)
    rows = [np.concatenate([np.repeat(np.flatnonzero(g == GROUP), int(n)) for g, n in enumerate(w)]) for w in weights]
    exact = np.array([slow(own) for own in rows])
    assert np.corrcoef(draws, exact)[0, 1] > 0.99
    assert draws.std() == pytest.approx(exact.std(), rel=0.05) and abs(draws.mean() - exact.mean()) < exact.std() / 10
    same = pair_sums(SCORES, POSITIVE, BASE, GROUP, GROUPS).draws(np.ones((1, GROUPS)))
    assert same[0] == pytest.approx(slow(np.arange(ITEMS)))


def test_without_pairs_there_is_no_number() -> None:
    none = pair_sums(SCORES, np.ones(ITEMS, dtype=bool), BASE, GROUP, GROUPS)
    assert np.isnan(none.auroc) and np.isnan(none.draws(np.ones((2, GROUPS)))).all()


@pytest.mark.parametrize("sign", [1, -1])
def test_sums_of_few_active_items_are_those_of_all_pairs_one_by_one(sign: int) -> None:
    """To the bit: they are whole and half numbers. Strata without a pair and negative zeros among them."""
    active = GENERATOR.random(ITEMS) < 0.05
    scores = sign * np.where(active, GENERATOR.integers(-2, 9, ITEMS), 0.0)
    stratum = GENERATOR.integers(0, 40, ITEMS) * 3
    found = pair_sums(scores, POSITIVE, stratum, GROUP, GROUPS)
    wins, pairs = np.zeros((2, GROUPS))
    for own in np.unique(stratum):
        up, down = (np.flatnonzero((stratum == own) & side) for side in (POSITIVE, ~POSITIVE))
        won = (scores[up, None] > scores[down]) + (scores[up, None] == scores[down]) / 2
        for rows, sums in ((up, won.sum(axis=1)), (down, won.sum(axis=0))):
            wins += np.bincount(GROUP[rows], weights=sums, minlength=GROUPS)
        pairs += np.bincount(GROUP[up], minlength=GROUPS) * len(down)
        pairs += np.bincount(GROUP[down], minlength=GROUPS) * len(up)
    assert (found.wins == wins).all() and (found.pairs == pairs).all()
