"""Metrics of two sets of similarities with 95 % intervals from a bootstrap over families.

Pairs are not independent: a draw resamples families, and a homologous pair then weighs as often as its family was
drawn, a non-homologous one the product for its two families. Resampling pairs instead understates the error.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from harness.statistics.bootstrap import Estimate, cluster_weights, nested_estimate
from tasks.overlap_ratio.data import Booleans
from tasks.overlap_ratio.density import Floats, Grid, Integers, overlap_ratio, percentile_groups
from tasks.overlap_ratio.separation import exact_shares, separation

_DRAWS_AT_ONCE = 16  # one cache line of a row of pairs; longer rows are slower


@dataclass(frozen=True)
class ScoredPairs:
    """Similarities (n,) of homologous pairs and (m,) of others, and the families (n, 2) and (m, 2) they are of."""

    homologous: Floats
    others: Floats
    homologous_families: Integers
    others_families: Integers

    def within(self, families: Booleans) -> ScoredPairs:
        """The pairs whose families are both among ``families``, a mark for every family."""
        first, second = (families[own].all(axis=1) for own in (self.homologous_families, self.others_families))
        return ScoredPairs(
            self.homologous[first],
            self.others[second],
            self.homologous_families[first],
            self.others_families[second],
        )


def density_overlap(scored: ScoredPairs) -> dict[str, Floats]:
    """The overlap of the densities of the two kinds of pairs, as ratio and as area under both."""
    grid = Grid.of(scored.homologous, scored.others)
    return _overlaps(*(grid.smooth(grid.masses(part), k) for k, part in enumerate((scored.homologous, scored.others))))


def point(scored: ScoredPairs) -> dict[str, float]:
    """Every metric on the pairs as they are: exact, but for the densities' grid."""
    values, first, second = exact_shares(scored.homologous, scored.others)
    found = density_overlap(scored) | separation(first, second, values)
    return {name: float(value) for name, value in found.items()}


class FamilyBootstrap:
    """The draws of a cell, the same for every variant, layer and model."""

    def __init__(self, families: int, draws: int, seed: int = 0) -> None:
        self.draws = draws
        self._weights = cluster_weights(range(families), draws, seed).astype(np.float32)

    def estimates(self, repeats: Sequence[ScoredPairs]) -> dict[str, Estimate]:
        """Every metric, nested over drawings of pairs; ``n`` counts the families.

        Draws that leave no pair of a kind have no value.
        """
        points = [point(scored) for scored in repeats]
        drawn = [self._drawn(scored) for scored in repeats]
        families = len(np.unique(np.concatenate([scored.homologous_families.ravel() for scored in repeats])))
        found = {}
        for name in points[0]:
            values = np.stack([own[name] for own in drawn])
            values[:, ~np.isfinite(values).all(axis=0)] = np.nan
            found[name] = nested_estimate(values, [own[name] for own in points], families)
        return found

    def _drawn(self, scored: ScoredPairs) -> Mapping[str, Floats]:
        """Every metric under every draw, (draws,), with the bandwidths of the pairs as they are."""
        grid = Grid.of(scored.homologous, scored.others)
        groups = percentile_groups(grid.masses(scored.homologous) + grid.masses(scored.others))
        parts: list[dict[str, Floats]] = []
        for first, second in self._masses(scored, grid):
            densities = grid.smooth(first, 0), grid.smooth(second, 1)
            parts.append(_overlaps(*densities) | separation(first, second, grid.centres, groups))
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def _masses(self, scored: ScoredPairs, grid: Grid) -> Iterator[tuple[Floats, Floats]]:
        """Shares (draws, points) of either kind, a few draws at a time."""
        sides = [
            (_indicator(grid.bins(similarity), grid.points), families)
            for similarity, families in (
                (scored.homologous, scored.homologous_families),
                (scored.others, scored.others_families),
            )
        ]
        for start in range(0, self.draws, _DRAWS_AT_ONCE):
            weights = np.ascontiguousarray(self._weights[start : start + _DRAWS_AT_ONCE].T)
            yield tuple(_shares(indicator, families, weights) for indicator, families in sides)  # type: ignore[misc]


def _indicator(bins: Integers, points: int) -> csr_array:
    """(points, pairs) float32: 1 where a pair falls on a point. Sums of small whole numbers are exact in float32."""
    order = np.argsort(bins, kind="stable").astype(np.int32)
    ends = np.cumsum(np.bincount(bins, minlength=points))
    starts = np.concatenate([[0], ends]).astype(np.int32)
    return csr_array((np.ones(len(bins), np.float32), order, starts), shape=(points, len(bins)))


def _shares(indicator: csr_array, families: Integers, weights: Floats) -> Floats:
    first, second = families.T
    pairs = weights.take(first, axis=0)
    # a pair within one family is there as often as the family
    if (apart := first != second).any():
        others = weights.take(second, axis=0)
        others[~apart] = 1
        pairs *= others
    counts = (indicator @ pairs).T.astype(np.float64, order="C")
    with np.errstate(invalid="ignore"):
        return np.asarray(counts / counts.sum(axis=1, keepdims=True))


def _overlaps(first: Floats, second: Floats) -> dict[str, Floats]:
    return {
        "overlap_ratio": overlap_ratio(first, second),
        "overlap_coefficient": np.asarray(np.minimum(first, second).sum(axis=-1)),
    }
