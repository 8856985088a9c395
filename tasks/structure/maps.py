"""Attention maps to scores of base pairs: symmetrised, corrected, squashed, cut to the pairs i < j."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float32]
Indices = NDArray[np.int64]


@lru_cache(maxsize=4)
def positions(length: int) -> tuple[Indices, Indices]:
    """i and j of every pair i < j, row by row, each (length (length - 1) / 2,)."""
    i, j = np.triu_indices(length, 1)
    return i, j


@lru_cache(maxsize=4)
def _cells(length: int) -> Indices:
    i, j = positions(length)
    return i * length + j


def pair_index(i: Indices, j: Indices, length: int) -> Indices:
    """Where the pairs (i, j), i < j, stand among all pairs of an RNA."""
    return i * (2 * length - i - 1) // 2 + j - i - 1


def upper_triangle(maps: Scores) -> Scores:
    """(heads, length, length) to (heads, pairs)."""
    heads, length, _ = maps.shape
    return maps.reshape(heads, -1).take(_cells(length), axis=1)


def pair_probabilities(maps: Scores) -> Scores:
    """sigmoid(APC(A + Aᵀ)) of every head: (heads, length, length) float32 to (heads, pairs) float32 in [0, 1].

    The average product correction S_ij − S_i S_j / S (Dunn et al. 2008, doi:10.1093/bioinformatics/btm604) takes row
    sums over all columns, the diagonal included; a map that sums to nothing is left as it is.
    """
    heads, length, _ = maps.shape
    scores = np.empty((heads, length * (length - 1) // 2), dtype=np.float32)
    # one head at a time: its arrays fit the cache, and no copy of all heads is made
    for attention, row in zip(maps, scores, strict=True):
        symmetric = attention + attention.T
        sums = symmetric.sum(axis=1)
        total = sums.sum()
        if total != 0:
            symmetric -= sums[:, None] * (sums / total)
        np.negative(upper_triangle(symmetric[None])[0], out=row)
        # exp overflows to infinity only where the sigmoid is 0 anyway
        with np.errstate(over="ignore"):
            np.exp(row, out=row)
        row += 1
        np.reciprocal(row, out=row)
    return scores
