"""Linear CKA (Kornblith et al. 2019) from an unbiased estimate of HSIC, with intervals over RNAs.

Song et al. (2012) leave the diagonal of both kernels out, so that HSIC of independent items is 0 on average whatever
the width (Nguyen et al. 2021). Nucleotides of one RNA are not independent items: two independent representations that
are both alike within an RNA would seem related. All pairs within an RNA are therefore left out, and the sums run over
nucleotides of distinct RNAs, which makes the estimate unbiased for an RNA drawn at random and a nucleotide drawn at
random in it. With one nucleotide of each RNA it is the estimate of Song et al.

A bootstrap that draws RNAs with replacement would put the same RNA into a kernel twice, which is a dependence that the
estimate does not leave out. Draws are therefore made of the influence of each RNA: how the estimate changes without it
(a jackknife).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from harness.statistics.bootstrap import Estimate

Floats = NDArray[np.float64]
States = NDArray[np.float32]


@dataclass(frozen=True)
class Kernel:
    """Inner products of all pairs of nucleotides of distinct RNAs, RNA by RNA, with ``each`` nucleotides of every RNA.

    ``gram`` (n, n) float32 is 0 within an RNA; ``sums`` (n, RNAs) adds it up over the nucleotides of every RNA.
    """

    gram: NDArray[np.float32]
    sums: Floats
    each: int

    @classmethod
    def of(cls, states: States, each: int) -> Kernel:
        """Of (n, width). Centring and scaling change no CKA, and keep rounding small."""
        values = states.astype(np.float64)
        values -= values.mean(axis=0)
        scale = np.sqrt(np.square(values).sum(axis=1).mean())
        gram = without_own(values @ values.T / (scale**2 or 1.0), each, 0.0)
        sums = gram.reshape(len(gram), -1, each).sum(axis=2)
        return cls(gram.astype(np.float32), sums, each)

    def of_rnas(self, order: NDArray[np.int64]) -> Kernel:
        """The same with the RNAs in another order: whatever is paired with it is paired with other items."""
        rows = (order[:, None] * self.each + np.arange(self.each)).ravel()
        return Kernel(self.gram[np.ix_(rows, rows)], self.sums[np.ix_(rows, order)], self.each)

    @cached_property
    def own(self) -> Floats:
        """:func:`hsic` with itself."""
        return hsic(self, self)


def without_own(square: Floats, each: int, value: float) -> Floats:
    """The square with ``value`` in the blocks of each RNA with itself; changes it."""
    for start in range(0, len(square), each):
        square[start : start + each, start : start + each] = value
    return square


def hsic(first: Kernel, second: Kernel) -> Floats:
    """(1 + RNAs,): the estimate, and the estimates without each RNA. O(n²), of which the latter is little.

    The mean over distinct RNAs a, b, c, d of K(a, b) (L(a, b) + L(c, d) - 2 L(a, c)), for nucleotides in them.
    """
    each, rnas = first.each, first.sums.shape[1]

    def by_rna(values: Floats) -> Floats:
        return values.reshape(rnas, each).sum(axis=1)

    pairs = by_rna((first.gram * second.gram).sum(axis=1, dtype=np.float64))
    k, m = first.sums, second.sums
    rows_k, rows_m = k.sum(axis=1), m.sum(axis=1)
    both = (k * m).sum(axis=1)
    # what each RNA adds as the one in the middle, and at either end
    middle = by_rna(rows_k * rows_m - both)
    ends = rows_k @ m + rows_m @ k - 2 * (k * m).sum(axis=0)
    a, b = (own.reshape(rnas, each, rnas).sum(axis=1) for own in (k, m))
    total_a, total_b, shared = a.sum(axis=1), b.sum(axis=1), (a * b).sum(axis=1)
    whole = total_a.sum() * total_b.sum() - 4 * total_a @ total_b + 2 * shared.sum()
    left = (total_a.sum() - 2 * total_a) * (total_b.sum() - 2 * total_b)
    left -= 4 * (total_a @ total_b - total_a * total_b - total_a @ b - total_b @ a + shared)
    left += 2 * (shared.sum() - 2 * shared)
    two = np.concatenate([[pairs.sum()], pairs.sum() - 2 * pairs])
    three = np.concatenate([[middle.sum()], middle.sum() - middle - ends])
    four = np.concatenate([[whole], left])
    n = np.concatenate([[rnas], np.full(rnas, rnas - 1)]).astype(np.float64)
    two, three, four = two / each**2, three / each**3, four / each**4
    return np.asarray((two - 2 * three / (n - 2) + four / ((n - 2) * (n - 3))) / (n * (n - 1)))


def cka(first: Kernel, second: Kernel, weights: Floats) -> Estimate:
    """CKA with draws over RNAs: 1 for a rotated and scaled copy, 0 for what is independent; NaN where either is
    constant.

    Args:
        weights: (draws, RNAs) how often each RNA was drawn; see the module for what they weigh.
    """
    norm = first.own * second.own
    found = np.divide(hsic(first, second), np.sqrt(np.abs(norm)), out=np.full(len(norm), np.nan), where=norm > 0)
    value, without = float(found[0]), found[1:]
    rnas = len(without)
    influence = (rnas - 1) * (without.mean() - without)
    # the jackknife's variance has one degree of freedom less than the draws
    draws = value + np.sqrt(rnas / (rnas - 1)) * ((weights - 1) @ influence) / rnas
    return Estimate(value, draws, rnas)
