"""Macro scores of chosen features with bootstrap draws, for all seeds and concepts at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.statistics.bootstrap import Estimate, nested_estimate
from harness.statistics.metrics import PREVALENCE, f1_score, matthews
from tasks.sae.concepts.choice import FeatureChoice
from tasks.sae.concepts.membership import Floats, Membership, Scores


@dataclass(frozen=True)
class MacroScores:
    """Means over concepts of the test scores of the chosen features, with draws nested over items and seeds.

    Those of the same weights are paired: see :func:`harness.statistics.gains.smallest_gain`.
    """

    auroc: Estimate
    mcc: Estimate
    f1: Estimate


def macro_scores(
    scores: Sequence[Scores],
    choices: Sequence[FeatureChoice],
    member: Membership,
    weights: Floats,
    prevalence: float = PREVALENCE,
    seed: int = 0,
) -> MacroScores:
    """Macro AUROC, MCC and F1 over test items, each with its bootstrap draws.

    Args:
        scores: per seed, (items, features) on test; features may differ between seeds.
        choices: per seed, what was chosen on the selection split.
        member: (items, concepts) of bool.
        weights: (draws, items), bootstrap weights; every concept must keep an item, and an item outside it, in every
            draw. The same weights for all models and sources.

    Returns:
        Estimates whose ``n`` is the number of test items. One matrix product per seed and concept:
        O(seeds draws n^2) flops in all, memory O(draws n).
    """
    concepts = member.shape[1]
    # The data as they are come first, as one more draw, so that points and draws share all arithmetic.
    draws = np.vstack([np.ones((1, len(member))), weights])
    values = np.zeros((3, len(choices), len(draws)))
    for s, (matrix, choice) in enumerate(zip(scores, choices, strict=True)):
        oriented = choice.oriented(matrix)
        called = oriented >= choice.threshold
        for c in range(concepts):
            auroc, t, f = _concept_draws(oriented[:, c], called[:, c], member[:, c], draws)
            values[:, s] += np.stack([auroc, matthews(t, f, prevalence), f1_score(t, f, prevalence)]) / concepts
    points, resampled = values[:, :, 0], values[:, :, 1:]
    return MacroScores(*(nested_estimate(resampled[k], points[k], len(member), seed) for k in range(3)))


def _concept_draws(
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
