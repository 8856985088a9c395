"""Choose one feature per family on the selection split, score it once on the test split.

Each family is one concept, one-versus-rest. Nothing here that chooses takes test data.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import false_discovery_control, hypergeom, rankdata
from sklearn.metrics import average_precision_score

from harness.statistics.metrics import PREVALENCE, auroc_from_ranks, f1_score, matthews, precision
from tasks.sae.concepts.membership import Floats, Integers, membership

SIGNIFICANT = 0.05


def rank_auroc(scores: ArrayLike, labels: ArrayLike, families: int) -> Floats:
    """AUROC of every feature for every family against the rest, (families, features); ties count a half.

    By ranks and one matrix product: O(n m log n + n m families). nan for a family with no member or no rest.
    """
    return auroc_from_ranks(rankdata(np.asarray(scores), axis=0), membership(labels, families))


@dataclass(frozen=True)
class Selection:
    """The choice of each family, all arrays (families,). A sequence is called when sign x score >= threshold."""

    feature: Integers
    sign: Integers
    threshold: Floats
    select_auroc: Floats
    select_mcc: Floats

    def oriented(self, scores: ArrayLike) -> Floats:
        """The chosen features with their signs, (sequences, families), out of scores (sequences, features)."""
        return np.asarray(np.asarray(scores)[:, self.feature] * self.sign, dtype=np.float64)


def select_features(scores: ArrayLike, labels: ArrayLike, families: int, prevalence: float = PREVALENCE) -> Selection:
    """For every family the feature with the largest |AUROC - 0.5| (the first of equals), its sign, and the threshold
    with the best MCC at the fixed prevalence (the highest of equals). Cost that of :func:`rank_auroc`."""
    feature, sign, best = _strongest(rank_auroc(scores, labels, families))
    chosen = np.asarray(scores)[:, feature] * sign
    cuts = [best_threshold(chosen[:, c], np.asarray(labels) == c, prevalence) for c in range(families)]
    threshold, mcc = np.array(cuts).T
    return Selection(feature, sign, threshold, np.maximum(best, 1 - best), mcc)


def _strongest(auroc: Floats) -> tuple[Integers, Integers, Floats]:
    feature = np.argmax(np.abs(np.nan_to_num(auroc, nan=0.5) - 0.5), axis=1)
    best = auroc[np.arange(len(auroc)), feature]
    return feature, np.where(best < 0.5, -1, 1), best


def best_threshold(
    scores: ArrayLike, positive: NDArray[np.bool_], prevalence: float = PREVALENCE
) -> tuple[float, float]:
    """Threshold with the best MCC at a fixed prevalence, and that MCC: O(n log n).

    Candidates are the lowest score (everything is called) and the midpoints between neighbouring distinct scores.
    """
    values, index = np.unique(np.asarray(scores, dtype=np.float64), return_inverse=True)
    hits = np.bincount(index, weights=positive, minlength=len(values))
    misses = np.bincount(index, weights=~positive, minlength=len(values))
    rates = [np.cumsum(c[::-1])[::-1] / max(c.sum(), 1) for c in (hits, misses)]
    mcc = matthews(rates[0], rates[1], prevalence)
    best = len(mcc) - 1 - int(np.argmax(mcc[::-1]))
    if best == 0:
        return float(values[0]), float(mcc[0])
    middle = (values[best - 1] + values[best]) / 2
    return float(middle if middle > values[best - 1] else values[best]), float(mcc[best])


def null_of_maximum(
    scores: ArrayLike, labels: ArrayLike, families: int, permutations: int = 200, seed: int = 0
) -> Floats:
    """What the best of all features reaches by chance: (permutations, families) of max over features of
    0.5 + |AUROC - 0.5| under permuted labels.

    The null depends on a family through its number of members alone, so it is computed once per distinct number:
    O(n m (log n + permutations x distinct sizes)).
    """
    ranks = rankdata(np.asarray(scores), axis=0)
    sizes, which = np.unique(membership(labels, families).sum(axis=0).astype(int), return_inverse=True)
    generator, null = np.random.default_rng(seed), np.empty((permutations, len(sizes)))
    for start in range(0, permutations, 100):
        rows = np.arange(start, min(start + 100, permutations))
        for column, size in enumerate(sizes):
            member = np.zeros((len(ranks), len(rows)))
            for k in range(len(rows)):
                member[generator.permutation(len(ranks))[:size], k] = 1
            null[rows, column] = 0.5 + np.abs(auroc_from_ranks(ranks, member) - 0.5).max(axis=1)
    return null[:, which]


@dataclass(frozen=True)
class HeldOutScores:
    """Scores of the chosen features on the test split, all arrays (families,); ``q`` is ``p`` after
    Benjamini-Hochberg over the families."""

    auroc: Floats
    mcc: Floats
    f1: Floats
    average_precision: Floats
    precision: Floats
    true_positive_rate: Floats
    false_positive_rate: Floats
    p: Floats
    q: Floats

    @cached_property
    def covered(self) -> NDArray[np.bool_]:
        """Families with F1 >= 0.5 and q < 0.05."""
        return np.asarray((self.f1 >= 0.5) & (self.q < SIGNIFICANT))

    @property
    def coverage(self) -> float:
        return float(self.covered.mean())


def held_out_scores(
    selection: Selection, scores: ArrayLike, labels: ArrayLike, prevalence: float = PREVALENCE
) -> HeldOutScores:
    """Score each family's choice on sequences it was not chosen on: one sequence per cluster, or p is too small.

    ``scores`` is (sequences, features) as in selection. MCC, F1, precision and average precision are those of the
    same rates at a fixed prevalence, that is with each positive weighing prevalence / positives and each other
    sequence (1 - prevalence) / others. p is exact and one-sided: hypergeometric, the chance that as many of the
    called sequences would belong to the family if labels were shuffled. Cost O(families x n log n).

    Raises:
        ValueError: a family has no test sequence, or has them all.
    """
    families = len(selection.feature)
    member = membership(labels, families).astype(bool)
    size, total = member.sum(axis=0), len(member)
    if not ((size > 0) & (size < total)).all():
        raise ValueError("every family needs test sequences of its own and of others")
    oriented = selection.oriented(scores)
    called = oriented >= selection.threshold
    hits, calls = (called & member).sum(axis=0), called.sum(axis=0)
    t, f = hits / size, (calls - hits) / (total - size)
    weights = np.where(member, prevalence / size, (1 - prevalence) / (total - size))
    average = [
        average_precision_score(member[:, c], oriented[:, c], sample_weight=weights[:, c]) for c in range(families)
    ]
    ranks = rankdata(oriented, axis=0)
    auroc = ((ranks * member).sum(axis=0) - size * (size + 1) / 2) / (size * (total - size))
    p = np.minimum(hypergeom.sf(hits - 1, total, size, calls), 1.0)
    return HeldOutScores(
        auroc=auroc,
        mcc=matthews(t, f, prevalence),
        f1=f1_score(t, f, prevalence),
        average_precision=np.array(average),
        precision=precision(t, f, prevalence),
        true_positive_rate=t,
        false_positive_rate=f,
        p=p,
        q=false_discovery_control(p),
    )


def split_half_score(scores: ArrayLike, labels: ArrayLike, families: int, seed: int = 0) -> float:
    """Macro AUROC without optimism on one split alone: choose on one half, score on the other, mean of both directions.

    Halves are stratified by family. It ranks layers on the selection split before test is looked at.

    Raises:
        ValueError: a family has fewer than two sequences.
    """
    values, index = np.asarray(scores), np.asarray(labels)
    half = _halves(index, families, seed)
    macro = []
    for fit in (half, ~half):
        feature, sign, _ = _strongest(rank_auroc(values[fit], index[fit], families))
        reached = rank_auroc(values[~fit][:, feature] * sign, index[~fit], families)
        macro.append(np.diagonal(reached).mean())
    return float(np.mean(macro))


def _halves(labels: Integers, families: int, seed: int) -> NDArray[np.bool_]:
    generator, half = np.random.default_rng(seed), np.zeros(len(labels), dtype=bool)
    for family in range(families):
        members = generator.permutation(np.flatnonzero(labels == family))
        if len(members) < 2:
            raise ValueError(f"family {family} has fewer than two sequences to halve")
        half[members[::2]] = True
    return half
