"""The bootstrap behind every interval and difference: seeded, over clusters, nested with seeds.

A bootstrap draw is a row of weights, one per item: how often the item's cluster was resampled. Draws depend only on
the seed and the clusters, so that models scored on the same items see the same draws and differences are paired.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

DRAWS = 2000
CONFIDENCE = 0.95
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
    """A value with its bootstrap draws. Estimates from the same draws subtract into a paired difference.

    A draw without a value, as where it left a stratum without items, stays NaN in its place: else draws would not pair.
    """

    value: float
    draws: Floats
    n: int
    note: str = ""

    def interval(self) -> Interval:
        """Percentile interval at 95 % over the draws that have a value; NaN where none has."""
        tail = 50 * (1 - CONFIDENCE)
        drawn = self.draws[~np.isnan(self.draws)]
        low, high = np.percentile(drawn, [tail, 100 - tail]) if len(drawn) else (np.nan, np.nan)
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
    note = ""
    if seeds == 1:
        note = "1 seed: intervals do not include the spread between seeds"
    elif seeds < FEW_SEEDS:
        note = f"{seeds} seeds: intervals include the spread between seeds through a t quantile"
    centre = statistics.mean(axis=0)
    if seeds > 1:
        from scipy.special import ndtri, stdtrit

        picks = np.random.default_rng([seed, seeds]).multinomial(seeds, np.full(seeds, 1 / seeds), size=draws) / seeds
        upper = (1 + CONFIDENCE) / 2
        stretch = np.sqrt(seeds / (seeds - 1)) * stdtrit(seeds - 1, upper) / ndtri(upper)
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
