"""Two sets of similarities as densities, and how far they overlap.

A Gaussian kernel density estimate by binning and a Fourier transform: O(n + m log m) for n values on m points, where
the sum over kernels costs O(n m). Bandwidths are Scott's (1992), n^(-1/5) times the standard deviation, as in
:class:`scipy.stats.gaussian_kde`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft

Floats = NDArray[np.floating[Any]]
Integers = NDArray[np.int64]

POINTS = 1024
FINEST = 4096
"""A bandwidth is at least this part of the range: a set without any spread has a density too."""

_MARGIN = 6
_POINTS_PER_BANDWIDTH = 4


def scott(values: Floats) -> float:
    """Scott's bandwidth of one-dimensional values."""
    return float(np.std(values, ddof=1) * len(values) ** -0.2) if len(values) > 1 else 0.0


@dataclass(frozen=True)
class Grid:
    """Equally spaced points that hold all mass of both densities: six bandwidths beyond the outermost values."""

    start: float
    step: float
    points: int
    bandwidths: tuple[float, float]

    @classmethod
    def of(cls, first: Floats, second: Floats, points: int = POINTS) -> Grid:
        """For two sets of values; at least ``points``, and four to the narrower bandwidth."""
        low = min(float(first.min()), float(second.min()))
        high = max(float(first.max()), float(second.max()))
        # similarities that are all the same still need a grid
        span = high - low or 1.0
        bandwidths = max(scott(first), span / FINEST), max(scott(second), span / FINEST)
        margin = _MARGIN * max(bandwidths)
        length = span + 2 * margin
        count = fft.next_fast_len(max(points, int(np.ceil(length * _POINTS_PER_BANDWIDTH / min(bandwidths)))), True)
        return cls(low - margin, length / count, count, bandwidths)

    @property
    def centres(self) -> Floats:
        """(points,) float64."""
        return self.start + self.step * (np.arange(self.points) + 0.5)

    def bins(self, values: Floats) -> Integers:
        """The point next to every value."""
        return ((values - self.start) / self.step).astype(np.int64).clip(0, self.points - 1)

    def masses(self, values: Floats) -> Floats:
        """(points,) float64: the share of the values at every point."""
        return np.bincount(self.bins(values), minlength=self.points) / len(values)

    def smooth(self, masses: Floats, which: int) -> Floats:
        """Rows of masses (..., points) convolved with the kernel of the first (0) or the second set (1).

        The convolution is circular; the margins keep the ends apart.
        """
        frequency = np.arange(self.points // 2 + 1) / self.points
        width = self.bandwidths[which] / self.step
        kernel = np.exp(-2 * (np.pi * width * frequency) ** 2)
        smoothed = fft.irfft(fft.rfft(masses) * kernel, n=self.points, overwrite_x=True)
        # where there is nothing, rounding leaves numbers of either sign
        return np.asarray(np.maximum(smoothed, 0, out=smoothed))


def overlap_ratio(first: Floats, second: Floats) -> Floats:
    """Sum of the smaller over sum of the larger of two densities on one grid (..., points): 0 apart, 1 identical."""
    return np.asarray(np.minimum(first, second).sum(axis=-1) / np.maximum(first, second).sum(axis=-1))


def percentile_groups(pooled: Floats) -> Integers:
    """The first of every group of neighbouring points such that each group holds about 1 % of the pooled mass.

    A point that holds more, such as a pile of ties, is a group of its own.
    """
    middle = np.cumsum(pooled) - pooled / 2
    group = np.minimum((100 * middle / pooled.sum()).astype(np.int64), 99)
    return np.flatnonzero(np.diff(group, prepend=-1))


def histogram_overlap_ratio(first: Floats, second: Floats, groups: Integers) -> Floats:
    """The overlap ratio of two histograms (..., points) whose bins are ``groups`` of points."""
    # probabilities and not densities: the width of a bin is the same for both and cancels
    return overlap_ratio(*(np.add.reduceat(part, groups, axis=-1) for part in (first, second)))
