"""Whether two results on the same items differ, and what difference would have shown."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri

from harness.statistics.bootstrap import CONFIDENCE, Estimate, Floats, Interval
from harness.statistics.ranks import POWER, spread_of


@dataclass(frozen=True)
class Difference:
    """First less second, paired. ``detectable`` is the difference that would show with 80 % power; ``p`` is two-sided.

    ``detectable`` is infinite and ``p`` is 1 where no draw has both values.
    """

    interval: Interval
    p: float
    detectable: float

    @property
    def found(self) -> bool:
        """Whether the 95 % interval leaves out zero."""
        return self.interval.low > 0 or self.interval.high < 0


def paired_difference(first: Estimate, second: Estimate) -> Difference:
    """The difference of two estimates, with its interval, its p value and the smallest difference worth expecting.

    A difference of (z(0.975) + z(0.80)) standard errors leaves zero out of its interval in 80 % of repetitions.

    Raises:
        ValueError: the estimates do not share items and draws.
    """
    difference = first - second
    reach = float(ndtri((1 + CONFIDENCE) / 2) + ndtri(POWER))
    return Difference(difference.interval(), two_sided_p(difference.draws), reach * spread_of(difference.draws))


def unpaired_difference(first: Estimate, second: Estimate) -> Estimate:
    """First less second, of different items. Draws of one seed would go together, so that one side is shuffled."""
    count = min(len(first.draws), len(second.draws))
    order = np.random.default_rng(0).permutation(count)
    draws = first.draws[:count] - second.draws[:count][order]
    return Estimate(first.value - second.value, draws, min(first.n, second.n), first.note or second.note)


def two_sided_p(draws: Floats) -> float:
    """Twice the smaller share of draws on either side of zero, as (1 + b) / (1 + B); 1 where no draw has a value."""
    drawn = draws[~np.isnan(draws)]
    sides = [(1 + int(side.sum())) / (1 + len(drawn)) for side in (drawn <= 0, drawn >= 0)]
    return min(1.0, 2 * min(sides))


def holm(p: ArrayLike) -> Floats:
    """P values corrected for all of them together, step by step from the smallest (Holm 1979)."""
    values = np.asarray(p, dtype=np.float64)
    order = np.argsort(values, kind="stable")
    stepped = np.maximum.accumulate(values[order] * np.arange(len(values), 0, -1))
    corrected = np.empty(len(values))
    corrected[order] = np.minimum(stepped, 1)
    return corrected
