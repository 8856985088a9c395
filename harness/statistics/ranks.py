"""Ranks of models from simultaneous paired comparisons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from harness.statistics.bootstrap import CONFIDENCE, Estimate, Floats

POWER = 0.80


@dataclass(frozen=True)
class Ranks:
    """``low[i]`` to ``high[i]`` are the ranks that model i may hold (1 is best).

    ``groups`` are the largest runs of models, best first, in which no difference can be told; ``detectable`` (models,
    models) is the difference that the comparison would show with 80 % power, infinite where the draws say nothing.
    """

    low: tuple[int, ...]
    high: tuple[int, ...]
    groups: tuple[tuple[int, ...], ...]
    detectable: Floats

    def label(self, model: int) -> str:
        low, high = self.low[model], self.high[model]
        return str(low) if low == high else f"{low}–{high}"


def spread_of(draws: Floats) -> float:
    """Standard deviation over the draws that have a value; infinite where fewer than two have."""
    drawn = draws[~np.isnan(draws)]
    return float(drawn.std(ddof=1)) if len(drawn) > 1 else float("inf")


def rank_intervals(estimates: Sequence[Estimate]) -> Ranks:
    """Ranks from simultaneous paired comparisons of all models (higher is better), by the max-t bootstrap.

    Two models differ when |difference| exceeds c times its standard error, with c the 95 % point over draws of the
    largest studentised deviation of any pair: all statements hold together at 95 %. A draw in which one of the two has
    no value is left out of their pair; a pair with fewer than two draws ties. Cost O(models^2 x draws).

    Raises:
        ValueError: the estimates do not share items and draws.
    """
    count = len(estimates)
    deviation = np.zeros((count, count))
    largest = np.zeros(len(estimates[0].draws))
    for i in range(count):
        for j in range(i):
            draws = (estimates[i] - estimates[j]).draws
            spread = spread_of(draws)
            deviation[i, j] = deviation[j, i] = spread
            if 1e-12 < spread < np.inf:
                np.fmax(largest, np.abs(draws - np.nanmean(draws)) / spread, out=largest)
    critical = float(np.quantile(largest, CONFIDENCE))
    unknown = np.isinf(deviation)
    margin = np.where(unknown, np.inf, np.maximum(critical * np.where(unknown, 0, deviation), 1e-12))
    values = np.array([estimate.value for estimate in estimates])
    beats = values[:, None] - values[None, :] > margin
    order = sorted(range(count), key=lambda model: (-values[model], model))
    groups: list[tuple[int, ...]] = []
    for start in range(count):
        stop = start + 1
        while stop < count and not beats[order[start:stop], order[stop]].any():
            stop += 1
        if not groups or order[stop - 1] not in groups[-1]:
            groups.append(tuple(order[start:stop]))
    low, high = 1 + beats.sum(axis=0), count - beats.sum(axis=1)
    detectable = (critical + float(ndtri(POWER))) * deviation
    return Ranks(tuple(low.tolist()), tuple(high.tolist()), tuple(groups), detectable)
