"""Features that separate two groups of families: chosen on one half of the clusters, tested on the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import comb

import numpy as np
from numpy.typing import NDArray
from scipy.stats import false_discovery_control, mannwhitneyu, rankdata

from harness.statistics.bootstrap import permutation_p
from harness.statistics.metrics import auroc_from_ranks
from tasks.sae.concepts.membership import Floats, Integers, class_means
from tasks.sae_families.compare.data import ComparedFamilies
from tasks.sae_families.compare.sources import Compared

TESTED = 50
SIGNIFICANT = 0.05
GROUPINGS = 5000
_CHUNK = 500


@dataclass(frozen=True)
class Separation:
    """The features of one source that were tested, the strongest on select first; all arrays (tested,).

    ``sign`` is 1 where a feature is stronger in the first group. AUROCs are over sequences and in the direction of the
    sign. ``p`` is one-sided, of Mann and Whitney on the held-out sequences, ``q`` after Benjamini and Hochberg over the
    tested features: they say that these families differ. ``family_p`` says more, that the difference is one of the
    groups and not of a few of their families: it regroups the families at random, and is family-wise over all
    candidates. ``smallest_family_p`` is what so few families can reach at best.
    """

    source: Compared
    feature: Integers
    sign: Integers
    select_auroc: Floats
    test_auroc: Floats
    p: Floats
    q: Floats
    family_p: Floats
    smallest_family_p: float

    @property
    def separating(self) -> NDArray[np.bool_]:
        return np.asarray(self.q < SIGNIFICANT)

    @property
    def general(self) -> NDArray[np.bool_]:
        """Separating, and of the groups rather than of single families."""
        return np.asarray(self.separating & (self.family_p < SIGNIFICANT))


def separation(
    source: Compared, data: ComparedFamilies, first: Sequence[str], second: Sequence[str], seed: int = 0
) -> Separation:
    """Compare two groups of families, named as in ``data.families``, that have none in common."""
    place = {family: number for number, family in enumerate(data.families)}
    groups = np.array([place[name] for name in (*first, *second)])
    within = np.isin(data.labels, groups)
    in_first = np.isin(data.labels, groups[: len(first)])
    fit, held = np.flatnonzero(within & ~data.held_out), np.flatnonzero(within & data.held_out)

    select = _auroc(source.scores[fit], in_first[fit])
    chosen = np.argsort(-np.abs(select - 0.5), kind="stable")[:TESTED]
    sign = np.where(select[chosen] >= 0.5, 1, -1)
    oriented = source.scores[held][:, chosen] * sign
    test = _auroc(oriented, in_first[held])
    p = mannwhitneyu(oriented[in_first[held]], oriented[~in_first[held]], alternative="greater", axis=0).pvalue
    p = np.where(np.isnan(p), 1.0, p)  # a feature that is the same in all sequences
    means = class_means(source.scores[held], np.equal.outer(data.labels[held], groups))
    family_p, smallest = _family_p(means, len(first), chosen, seed)
    return Separation(
        source=source,
        feature=chosen,
        sign=sign,
        select_auroc=np.where(sign > 0, select[chosen], 1 - select[chosen]),
        test_auroc=test,
        p=p,
        q=np.asarray(false_discovery_control(p)),
        family_p=family_p,
        smallest_family_p=smallest,
    )


def _family_p(means: Floats, first: int, chosen: Integers, seed: int) -> tuple[Floats, float]:
    """p of the ``chosen`` features with families as the units, and the smallest p there can be.

    ``means`` (families, candidates), those of the first group first. The null is the largest statistic of any candidate
    after the families were regrouped, so that choosing among candidates costs nothing (Westfall and Young).
    """
    families = len(means)
    count = comb(families, first)
    if count <= GROUPINGS:
        members = list(combinations(range(families), first))
    else:
        generator = np.random.default_rng(seed)
        members = [tuple(generator.permutation(families)[:first].tolist()) for _ in range(GROUPINGS)]
    grouping = np.zeros((len(members), families))
    for row, own in enumerate(members):
        grouping[row, list(own)] = 1
    null = np.concatenate(
        [differences(means, grouping[start : start + _CHUNK]).max(axis=1) for start in range(0, len(members), _CHUNK)]
    )
    observed = differences(means, (np.arange(families) < first)[None].astype(float))[0, chosen]
    if count <= GROUPINGS:  # all groupings, the real one among them
        p = np.asarray((null[:, None] >= observed * (1 - 1e-9)).mean(axis=0))
    else:
        p = permutation_p(observed, null[:, None])
    return p, 1 / min(count, GROUPINGS + 1)


def differences(means: Floats, grouping: Floats) -> Floats:
    """(groupings, candidates): |difference of the two group means| over its pooled standard deviation.

    ``means`` (families, candidates); ``grouping`` (groupings, families) of 0 and 1. The median standard deviation of
    all candidates is added to every one, so that none stands out because it hardly varies (Tusher et al. 2001,
    doi:10.1073/pnas.091062498).
    """
    centred = means - means.mean(axis=0)
    least = float(np.median(centred.std(axis=0))) + 1e-12
    inside, outside = grouping.sum(axis=1, keepdims=True), (1 - grouping).sum(axis=1, keepdims=True)
    first, second = grouping @ centred / inside, (1 - grouping) @ centred / outside
    within = (centred**2).sum(axis=0) - inside * first**2 - outside * second**2
    return np.asarray(np.abs(first - second) / (np.sqrt(np.clip(within, 0, None) / len(means)) + least))


def _auroc(scores: NDArray[np.floating], positive: NDArray[np.bool_]) -> Floats:
    """(features,) AUROC of the positive rows against all others."""
    return auroc_from_ranks(rankdata(scores, axis=0), positive[:, None].astype(float))[0]
