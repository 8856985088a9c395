"""Spearman's rank correlation, as it is and under bootstrap draws of the items."""

from __future__ import annotations

import zlib
from collections.abc import Mapping

import numpy as np

from harness.statistics.bootstrap import Estimate, Floats

_AT_ONCE = 2_000_000
"""Numbers per block: draws times items."""


def spearman(scores: Floats, measured: Floats) -> float:
    """Of two columns, ties sharing their mean rank. Scores that are all equal rank nothing, which is 0."""
    return float(_correlations(scores, measured, np.ones((1, len(scores))))[0])


def drawn(columns: Mapping[str, Floats], measured: Floats, name: str, draws: int) -> dict[str, Estimate]:
    """The same for several columns of scores, with draws of the items that depend on ``name`` alone."""
    items = len(measured)
    source = np.random.default_rng(zlib.crc32(name.encode()))
    blocks: dict[str, list[Floats]] = {column: [] for column in columns}
    step = max(1, _AT_ONCE // items)
    for start in range(0, draws, step):
        size = min(step, draws - start)
        weights = source.multinomial(items, np.full(items, 1 / items), size=size).astype(np.float64)
        for column, scores in columns.items():
            blocks[column].append(_correlations(scores, measured, weights))
    return {
        column: Estimate(spearman(columns[column], measured), np.concatenate(own), items)
        for column, own in blocks.items()
    }


def _correlations(scores: Floats, measured: Floats, weights: Floats) -> Floats:
    """(draws,), given (draws, items) of how often each item was drawn; NaN where the measured are all equal."""
    first, second = (_ranks(values, weights) for values in (scores, measured))
    total = weights.sum(axis=1, keepdims=True)
    first, second = (ranks - (weights * ranks).sum(axis=1, keepdims=True) / total for ranks in (first, second))
    covariance, one, other = (
        (weights * a * b).sum(axis=1) for a, b in ((first, second), (first, first), (second, second))
    )
    with np.errstate(invalid="ignore", divide="ignore"):
        found = covariance / np.sqrt(one * other)
    # ranks are halves, so that equal ones leave no rounding behind
    return np.where(other < 1e-9, np.nan, np.where(one < 1e-9, 0.0, found))


def _ranks(values: Floats, weights: Floats) -> Floats:
    """(draws, items) mean ranks of items that each occur as often as their weight."""
    _, group = np.unique(values, return_inverse=True)
    order = np.argsort(group, kind="stable")
    starts = np.searchsorted(group[order], np.arange(group.max() + 1))
    sums = np.add.reduceat(weights[:, order], starts, axis=1)
    below = np.cumsum(sums, axis=1) - sums
    return np.asarray((below + (sums + 1) / 2)[:, group])
