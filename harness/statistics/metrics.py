"""Metrics shared by all tasks, as pure functions: AUROC, F1 and MCC, of counts or of rates at a prevalence."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def weighted_auroc(
    positive: ArrayLike, negative: ArrayLike, positive_weights: ArrayLike, negative_weights: ArrayLike
) -> Floats:
    """AUROC of every draw, exact with ties (a tie counts a half).

    Args:
        positive, negative: scores (p,) and (q,).
        positive_weights, negative_weights: (draws, p) and (draws, q).

    Returns:
        (draws,) float64; nan where a side has no weight. Time O((p + q) (log q + draws)), memory O(draws (p + q)).
    """
    positives, negatives = np.asarray(positive), np.asarray(negative)
    up, down = np.asarray(positive_weights, dtype=np.float64), np.asarray(negative_weights, dtype=np.float64)
    order = np.argsort(negatives, kind="stable")
    below = np.zeros((len(down), len(negatives) + 1))
    np.cumsum(down[:, order], axis=1, out=below[:, 1:])
    less = np.searchsorted(negatives[order], positives, side="left")
    not_more = np.searchsorted(negatives[order], positives, side="right")
    wins = np.einsum("bp,bp->b", up, below[:, less] + below[:, not_more]) / 2
    total = up.sum(axis=1) * below[:, -1]
    value: Floats = np.divide(wins, total, out=np.full(len(total), np.nan), where=total > 0)
    return value


PREVALENCE = 1 / 40
"""Share of positives to which MCC, F1, precision and average precision are weighted, whatever the data hold."""


def matthews(
    true_positive_rate: ArrayLike, false_positive_rate: ArrayLike, prevalence: ArrayLike = PREVALENCE
) -> Floats:
    """MCC at a prevalence P: sqrt(P (1 - P)) (t - f) / sqrt(a (1 - a)), where a = P t + (1 - P) f is the share that is
    called positive. 0 where everything or nothing is called, or is positive."""
    t, f, prevalence = (np.asarray(v, dtype=np.float64) for v in (true_positive_rate, false_positive_rate, prevalence))
    called = prevalence * t + (1 - prevalence) * f
    spread = np.sqrt(np.maximum(called * (1 - called), 0))
    top = np.sqrt(prevalence * (1 - prevalence)) * (t - f)
    # shares that were summed miss 0 and 1 by a rounding
    value: Floats = np.divide(top, spread, out=np.zeros_like(top), where=spread > 1e-7)
    return value


def matthews_of_counts(tp: ArrayLike, predicted: ArrayLike, known: ArrayLike, total: ArrayLike) -> Floats:
    """MCC of counts: of ``total`` items ``known`` are positive, ``predicted`` are called so, and ``tp`` are both."""
    hits, called, positives, items = (np.asarray(v, dtype=np.float64) for v in (tp, predicted, known, total))
    negatives = items - positives
    return matthews(_share(hits, positives), _share(called - hits, negatives), _share(positives, items))


def f1_of_counts(tp: ArrayLike, predicted: ArrayLike, known: ArrayLike) -> Floats:
    """F1 of counts: 2 tp / (predicted + known); 0 where nothing is predicted and nothing known."""
    hits, called, positives = (np.asarray(v, dtype=np.float64) for v in (tp, predicted, known))
    return _share(2 * hits, called + positives)


def f1_score(true_positive_rate: ArrayLike, false_positive_rate: ArrayLike, prevalence: float = PREVALENCE) -> Floats:
    """F1 at a fixed prevalence P: 2 P t / (P t + (1 - P) f + P)."""
    t, f = np.asarray(true_positive_rate, dtype=np.float64), np.asarray(false_positive_rate, dtype=np.float64)
    return 2 * prevalence * t / (prevalence * t + (1 - prevalence) * f + prevalence)


def precision(true_positive_rate: ArrayLike, false_positive_rate: ArrayLike, prevalence: float = PREVALENCE) -> Floats:
    """Precision at a fixed prevalence P: P t / (P t + (1 - P) f); 0 where nothing is called."""
    t, f = np.asarray(true_positive_rate, dtype=np.float64), np.asarray(false_positive_rate, dtype=np.float64)
    called = prevalence * t + (1 - prevalence) * f
    return _share(prevalence * t, called)


def auroc_from_ranks(ranks: Floats, member: Floats) -> Floats:
    """AUROC (groups, features) from ranks (n, features) within each feature and members (n, groups) of 0 and 1."""
    return auroc_from_rank_sums(member.T @ ranks, member.sum(axis=0), len(member))


def auroc_from_rank_sums(sums: Floats, sizes: Floats, items: int) -> Floats:
    """AUROC (groups, features) from the sums of the ranks of each group's members, (groups, features), and the sizes
    of the groups, (groups,); nan for a group of none or of all items."""
    positives = sizes[:, None]
    pairs = positives * (items - positives)
    wins = sums - positives * (positives + 1) / 2
    value: Floats = np.divide(wins, pairs, out=np.full(wins.shape, np.nan), where=pairs > 0)
    return value


def auroc_from_shares(positive: ArrayLike, negative: ArrayLike) -> Floats:
    """AUROC (...,) from the shares (..., values) of positives and of negatives at ascending values; a tie is a half."""
    up, down = np.asarray(positive, dtype=np.float64), np.asarray(negative, dtype=np.float64)
    # shares add up to 1 but for rounding
    return np.asarray(np.minimum((up * (down.cumsum(axis=-1) - down / 2)).sum(axis=-1), 1))


def _share(part: Floats, whole: Floats) -> Floats:
    """Part over whole, 0 where there is no whole."""
    part, whole = np.broadcast_arrays(part, whole)
    value: Floats = np.divide(part, whole, out=np.zeros(whole.shape), where=whole > 0)
    return value
