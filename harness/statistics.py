"""Intervals, differences and ranks that every table shares: a seeded bootstrap over clusters, nested with seeds.

A bootstrap draw is a row of weights, one per item: how often the item's cluster was resampled. Draws depend only on
the seed and the clusters, so that models scored on the same items see the same draws and differences are paired.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import norm, t

Floats = NDArray[np.float64]

DRAWS = 2000
CONFIDENCE = 0.95
POWER = 0.80
FEW_SEEDS = 5


@dataclass(frozen=True)
class Interval:
    """A value with its 95 % interval; ``n`` counts independent units; ``note`` says what weakens the interval."""

    value: float
    low: float
    high: float
    n: int
    note: str = ""


@dataclass(frozen=True)
class Estimate:
    """A value with its bootstrap draws. Estimates from the same draws subtract into a paired difference."""

    value: float
    draws: Floats
    n: int
    note: str = ""

    def interval(self) -> Interval:
        """Percentile interval at 95 %."""
        tail = 50 * (1 - CONFIDENCE)
        low, high = np.percentile(self.draws, [tail, 100 - tail])
        return Interval(self.value, float(low), float(high), self.n, self.note)

    def __sub__(self, other: Estimate) -> Estimate:
        if len(self.draws) != len(other.draws) or self.n != other.n:
            raise ValueError("a paired difference needs two estimates from the same items and draws")
        return Estimate(self.value - other.value, self.draws - other.draws, self.n, self.note or other.note)


def stratified_cluster_weights(
    strata: Sequence[object], clusters: Sequence[object], draws: int = DRAWS, seed: int = 0
) -> Floats:
    """Weights (draws, items): within each stratum (a family), as many clusters are drawn as it has, with replacement.

    An item weighs as often as its cluster was drawn; a stratum keeps its number of clusters in every draw, and its
    draws do not depend on which other strata there are. Cost O(draws x items).
    """
    stratum_names, cluster_names = np.asarray([str(s) for s in strata]), np.asarray([str(c) for c in clusters])
    weights = np.empty((draws, len(stratum_names)))
    for stratum in np.unique(stratum_names):
        items = np.flatnonzero(stratum_names == stratum)
        names, member = np.unique(cluster_names[items], return_inverse=True)
        generator = np.random.default_rng([seed, zlib.crc32(str(stratum).encode())])
        counts = generator.multinomial(len(names), np.full(len(names), 1 / len(names)), size=draws)
        weights[:, items] = counts[:, member]
    return weights


def cluster_weights(clusters: Sequence[object], draws: int = DRAWS, seed: int = 0) -> Floats:
    """Weights (draws, items) of a bootstrap over clusters: families, or sequence clusters."""
    return stratified_cluster_weights([""] * len(clusters), clusters, draws, seed)


def weighted_ratio(numerator: ArrayLike, denominator: ArrayLike, weights: Floats) -> Floats:
    """sum(w numerator) / sum(w denominator) for every draw: a mean, or a pooled F1 from 2 tp and 2 tp + fp + fn."""
    return np.asarray((weights @ np.asarray(numerator)) / (weights @ np.asarray(denominator)), dtype=np.float64)


def cluster_bootstrap_mean(
    values: ArrayLike, clusters: Sequence[object], draws: int = DRAWS, seed: int = 0
) -> Estimate:
    """Mean over items with draws over clusters; ``n`` is the number of clusters. Cost O(draws x items)."""
    items = np.asarray(values, dtype=np.float64)
    weights = cluster_weights(clusters, draws, seed)
    return Estimate(float(items.mean()), weighted_ratio(items, np.ones(len(items)), weights), len(set(clusters)))


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


def nested_estimate(values: ArrayLike, points: ArrayLike, n: int, seed: int = 0) -> Estimate:
    """Mean over seeds, with draws that resample clusters and seeds together.

    Args:
        values: (seeds, draws), the statistic of every seed under the same cluster draws.
        points: (seeds,), the statistic of every seed on the items as they are.
        n: number of independent items (clusters) behind each value.

    A bootstrap over few seeds is too narrow: by sqrt((S - 1) / S) in its spread, and because it uses normal tails. The
    part of a draw that comes from seeds is therefore stretched by sqrt(S / (S - 1)) t(S - 1) / z; fewer than 5 seeds
    are noted all the same, and one seed says nothing about the spread between seeds.
    """
    statistics = np.atleast_2d(np.asarray(values, dtype=np.float64))
    seeds, draws = statistics.shape
    note = "" if seeds >= FEW_SEEDS else "1 seed: without the spread between seeds" if seeds == 1 else f"{seeds} seeds"
    centre = statistics.mean(axis=0)
    if seeds > 1:
        picks = np.random.default_rng([seed, seeds]).multinomial(seeds, np.full(seeds, 1 / seeds), size=draws) / seeds
        upper = (1 + CONFIDENCE) / 2
        stretch = np.sqrt(seeds / (seeds - 1)) * t.ppf(upper, seeds - 1) / norm.ppf(upper)
        centre = centre + stretch * (np.einsum("bs,sb->b", picks, statistics) - centre)
    return Estimate(float(np.asarray(points).mean()), centre, n, note)


def nested_interval(values: ArrayLike, points: ArrayLike, n: int, seed: int = 0) -> Interval:
    """The 95 % interval of :func:`nested_estimate`."""
    return nested_estimate(values, points, n, seed).interval()


def permutation_p(observed: ArrayLike, null: ArrayLike) -> Floats:
    """One-sided (1 + b) / (1 + B): ``null`` is (B,) or (B, tests), b counts its values at or above ``observed``."""
    permuted = np.asarray(null)
    reached = (permuted >= np.asarray(observed) - 1e-12).sum(axis=0)
    return np.asarray((1 + reached) / (1 + len(permuted)), dtype=np.float64)


@dataclass(frozen=True)
class Ranks:
    """``low[i]`` to ``high[i]`` are the ranks that model i may hold (1 is best).

    ``groups`` are the largest runs of models, best first, in which no difference can be told; ``detectable`` (models,
    models) is the difference that the comparison would show with 80 % power.
    """

    low: tuple[int, ...]
    high: tuple[int, ...]
    groups: tuple[tuple[int, ...], ...]
    detectable: Floats

    def label(self, model: int) -> str:
        low, high = self.low[model], self.high[model]
        return str(low) if low == high else f"{low}–{high}"


def rank_intervals(estimates: Sequence[Estimate]) -> Ranks:
    """Ranks from simultaneous paired comparisons of all models (higher is better), by the max-t bootstrap.

    Two models differ when |difference| exceeds c times its standard error, with c the 95 % point over draws of the
    largest studentised deviation of any pair: all statements hold together at 95 %. Cost O(models^2 x draws).

    Raises:
        ValueError: the estimates do not share items and draws.
    """
    count = len(estimates)
    deviation = np.zeros((count, count))
    largest = np.zeros(len(estimates[0].draws))
    for i in range(count):
        for j in range(i):
            draws = (estimates[i] - estimates[j]).draws
            spread = float(draws.std(ddof=1))
            deviation[i, j] = deviation[j, i] = spread
            if spread > 1e-12:
                np.maximum(largest, np.abs(draws - draws.mean()) / spread, out=largest)
    critical = float(np.quantile(largest, CONFIDENCE))
    values = np.array([estimate.value for estimate in estimates])
    beats = values[:, None] - values[None, :] > np.maximum(critical * deviation, 1e-12)
    order = sorted(range(count), key=lambda model: (-values[model], model))
    groups: list[tuple[int, ...]] = []
    for start in range(count):
        stop = start + 1
        while stop < count and not beats[order[start:stop], order[stop]].any():
            stop += 1
        if not groups or order[stop - 1] not in groups[-1]:
            groups.append(tuple(order[start:stop]))
    low, high = 1 + beats.sum(axis=0), count - beats.sum(axis=1)
    detectable = (critical + float(norm.ppf(POWER))) * deviation
    return Ranks(tuple(low.tolist()), tuple(high.tolist()), tuple(groups), detectable)
