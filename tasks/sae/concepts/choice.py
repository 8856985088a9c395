"""Choose one feature per concept on the selection split, score it once on the test split.

Every concept is scored against all items outside it. Nothing here that chooses takes test data.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.sparse
from numpy.typing import ArrayLike, NDArray
from scipy.stats import false_discovery_control, hypergeom, rankdata
from sklearn.metrics import average_precision_score

from harness.statistics.metrics import PREVALENCE, f1_score, matthews, precision
from tasks.sae.concepts.membership import Floats, Integers, Membership, Scores, columns
from tasks.sae.concepts.ranks import Ranks

SIGNIFICANT = 0.05


def rank_auroc(scores: Scores, member: Membership) -> Floats:
    """AUROC of every feature for every concept against the rest, (concepts, features); ties count a half.

    By ranks and one matrix product: O(n m log n + n m concepts). nan for a concept with no item or no rest.
    """
    return Ranks.of(scores).auroc(member)


@dataclass(frozen=True)
class FeatureChoice:
    """The choice of each concept, all arrays (concepts,). An item is called when sign x score >= threshold."""

    feature: Integers
    sign: Integers
    threshold: Floats
    select_auroc: Floats
    select_mcc: Floats

    def oriented(self, scores: Scores) -> Floats:
        """The chosen features with their signs, (items, concepts), out of scores (items, features)."""
        return np.asarray(columns(scores, self.feature) * self.sign, dtype=np.float64)

    def only(self, concept: int) -> FeatureChoice:
        """The choice of one concept."""
        own = slice(concept, concept + 1)
        return FeatureChoice(
            self.feature[own], self.sign[own], self.threshold[own], self.select_auroc[own], self.select_mcc[own]
        )


def select_features(scores: Scores, member: Membership, prevalence: float = PREVALENCE) -> FeatureChoice:
    """For every concept the feature with the largest |AUROC - 0.5| (the first of equals), its sign, and the threshold
    with the best MCC at the fixed prevalence (the highest of equals). Cost that of :func:`rank_auroc`."""
    feature, sign, best = _strongest(rank_auroc(scores, member))
    chosen = columns(scores, feature) * sign
    cuts = [best_threshold(chosen[:, c], member[:, c], prevalence) for c in range(member.shape[1])]
    threshold, mcc = np.array(cuts).T
    return FeatureChoice(feature, sign, threshold, np.maximum(best, 1 - best), mcc)


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


def null_of_maximum(scores: Scores, member: Membership, permutations: int = 200, seed: int = 0) -> Floats:
    """What the best of all features reaches by chance: (permutations, concepts) of max over features of
    0.5 + |AUROC - 0.5| under permuted labels.

    The null depends on a concept through its number of items alone, so it is computed once per distinct number:
    O(n m (log n + permutations x distinct sizes)).
    """
    ranks = Ranks.of(scores)
    sizes, which = np.unique(member.sum(axis=0), return_inverse=True)
    generator, null = np.random.default_rng(seed), np.empty((permutations, len(sizes)))
    for start in range(0, permutations, 100):
        rows = np.arange(start, min(start + 100, permutations))
        for column, size in enumerate(sizes):
            permuted = np.zeros((ranks.items, len(rows)))
            for k in range(len(rows)):
                permuted[generator.permutation(ranks.items)[:size], k] = 1
            null[rows, column] = 0.5 + np.abs(ranks.auroc(permuted) - 0.5).max(axis=1)
    return null[:, which]


@dataclass(frozen=True)
class HeldOutScores:
    """Scores of the chosen features on the test split, all arrays (concepts,); ``q`` is ``p`` after
    Benjamini-Hochberg over the concepts."""

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
        """Concepts with F1 >= 0.5 and q < 0.05."""
        return np.asarray((self.f1 >= 0.5) & (self.q < SIGNIFICANT))

    @property
    def coverage(self) -> float:
        return float(self.covered.mean())


def held_out_scores(
    choice: FeatureChoice, scores: Scores, member: Membership, prevalence: float = PREVALENCE
) -> HeldOutScores:
    """Score each concept's choice on items it was not chosen on; items must be independent, or p is too small.

    ``scores`` is (items, features) as in selection. MCC, F1, precision and average precision are those of the
    same rates at a fixed prevalence, that is with each positive weighing prevalence / positives and each other
    item (1 - prevalence) / others. p is exact and one-sided: hypergeometric, the chance that as many of the
    called items would belong to the concept if labels were shuffled. Cost O(concepts x n log n).

    Raises:
        ValueError: a concept holds no test item, or all of them.
    """
    size, total = member.sum(axis=0), len(member)
    if not ((size > 0) & (size < total)).all():
        raise ValueError("every concept needs test items of its own and others")
    oriented = choice.oriented(scores)
    called = oriented >= choice.threshold
    hits, calls = (called & member).sum(axis=0), called.sum(axis=0)
    t, f = hits / size, (calls - hits) / (total - size)
    weights = np.where(member, prevalence / size, (1 - prevalence) / (total - size))
    average = [
        average_precision_score(member[:, c], oriented[:, c], sample_weight=weights[:, c])
        for c in range(member.shape[1])
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


def split_half_score(scores: Scores, member: Membership, seed: int = 0) -> float:
    """Macro AUROC without optimism on one split alone: choose on one half, score on the other, mean of both directions.

    Every concept is halved, as well as items of several concepts allow; one that lies in one half alone counts in no
    mean. It ranks layers on the selection split before test is looked at.

    Raises:
        ValueError: a concept holds fewer than two items.
    """
    half = _halves(member, seed)
    values = scores if scipy.sparse.issparse(scores) else np.asarray(scores)
    macro = []
    for fit in (half, ~half):
        feature, sign, _ = _strongest(rank_auroc(values[fit], member[fit]))
        reached = rank_auroc(columns(values[~fit], feature) * sign, member[~fit])
        macro.append(np.nanmean(np.diagonal(reached)))
    return float(np.mean(macro))


def _halves(member: Membership, seed: int) -> NDArray[np.bool_]:
    """Concept by concept, items that have no half yet go to both in turn, first to the one that holds fewer of it."""
    generator, half = np.random.default_rng(seed), np.zeros(len(member), dtype=bool)
    waiting = np.ones(len(member), dtype=bool)
    unlabelled = ~member.any(axis=1)
    for concept, own in enumerate((*member.T, unlabelled)):
        if own.sum() < 2 and concept < member.shape[1]:
            raise ValueError(f"concept {concept} holds fewer than two items to halve")
        settled = half[own & ~waiting]
        first = int(settled.sum() > (~settled).sum())
        half[generator.permutation(np.flatnonzero(own & waiting))[first::2]] = True
        waiting &= ~own
    return half
