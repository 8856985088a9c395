"""Estimates as metrics of a record: over items and seeds, over seeds alone, over families."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from harness.statistics.bootstrap import DRAWS, Interval, cluster_bootstrap_mean, nested_estimate
from harness.task import Metric


def metric(interval: Interval, unit: str = "", higher_is_better: bool | None = True) -> Metric:
    """An interval of the statistics module as a metric of the record; what is not a number has no value."""
    value, low, high = (
        number if np.isfinite(number) else None for number in (interval.value, interval.low, interval.high)
    )
    return Metric(value=value, low=low, high=high, n=interval.n, unit=unit, higher_is_better=higher_is_better)


def over_seeds(values: Sequence[float], unit: str = "", higher_is_better: bool | None = True) -> Metric:
    """Mean over seeds of a number that has no items, with an interval from the spread between seeds alone.

    One seed has no spread, and so no interval.
    """
    points = np.asarray(values, dtype=np.float64)
    if len(points) == 1:
        value = float(points[0]) if np.isfinite(points[0]) else None
        return Metric(value=value, n=1, unit=unit, higher_is_better=higher_is_better)
    estimate = nested_estimate(np.repeat(points[:, None], DRAWS, axis=1), points, len(points))
    return metric(estimate.interval(), unit, higher_is_better)


def over_families(values: ArrayLike, unit: str = "", higher_is_better: bool | None = True) -> Metric:
    """Mean over families, with an interval from a bootstrap over families."""
    numbers = np.asarray(values, dtype=np.float64)
    return metric(cluster_bootstrap_mean(numbers, range(len(numbers))).interval(), unit, higher_is_better)
