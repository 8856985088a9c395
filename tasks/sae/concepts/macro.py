"""Macro scores of chosen features with bootstrap draws, for all seeds and families at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from harness.statistics.bootstrap import Estimate, nested_estimate
from harness.statistics.metrics import PREVALENCE, f1_score, matthews
from tasks.sae.concepts.choice import Selection
from tasks.sae.concepts.membership import Floats, membership


@dataclass(frozen=True)
class Macro:
    """Means over families of the test scores of the chosen features, with draws nested over clusters and seeds.

    Those of the same weights are paired: see :func:`harness.statistics.gains.smallest_gain`.
    """

    auroc: Estimate
    mcc: Estimate
    f1: Estimate


def macro_interval(
    scores: Sequence[ArrayLike],
    selections: Sequence[Selection],
    labels: ArrayLike,
    weights: Floats,
    prevalence: float = PREVALENCE,
    seed: int = 0,
) -> Macro:
    """Macro AUROC, MCC and F1 over test sequences, each with its bootstrap draws.

    Args:
        scores: per SAE seed, (sequences, features) on test; features may differ between seeds.
        selections: per seed, what was chosen on the selection split.
        labels: (sequences,) family index.
        weights: (draws, sequences) from ``stratified_cluster_weights(labels, clusters, ...)``; every family must keep
            a sequence in every draw. The same weights for all models and sources.

    Returns:
        Estimates whose ``n`` is the number of test sequences. One matrix product per seed and family:
        O(seeds draws n^2) flops in all, memory O(draws n).
    """
    families = len(selections[0].feature)
    member = membership(labels, families).astype(bool)
    # The data as they are come first, as one more draw, so that points and draws share all arithmetic.
    draws = np.vstack([np.ones((1, len(member))), weights])
    values = np.zeros((3, len(selections), len(draws)))
    for s, (matrix, selection) in enumerate(zip(scores, selections, strict=True)):
        oriented = selection.oriented(matrix)
        called = oriented >= selection.threshold
        for c in range(families):
            auroc, t, f = _family_draws(oriented[:, c], called[:, c], member[:, c], draws)
            values[:, s] += np.stack([auroc, matthews(t, f, prevalence), f1_score(t, f, prevalence)]) / families
    points, resampled = values[:, :, 0], values[:, :, 1:]
    return Macro(*(nested_estimate(resampled[k], points[k], len(member), seed) for k in range(3)))


def _family_draws(
    scores: Floats, called: NDArray[np.bool_], positive: NDArray[np.bool_], draws: Floats
) -> tuple[Floats, Floats, Floats]:
    own = scores[positive]
    # Column k: what a pair with positive k is worth; then two columns that sum the called and all negatives.
    columns = (own > scores[:, None]) + 0.5 * (own == scores[:, None])
    columns = np.column_stack([columns, called, np.ones(len(scores))])
    columns[positive] = 0
    wins, up = draws @ columns, draws[:, positive]
    positives, negatives = up.sum(axis=1), wins[:, -1]
    auroc = np.einsum("bp,bp->b", up, wins[:, :-2]) / (positives * negatives)
    return auroc, up @ called[positive] / positives, wins[:, -2] / negatives
