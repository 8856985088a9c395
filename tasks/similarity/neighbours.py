"""Mutual nearest neighbours (Huh et al. 2024): the share of a nucleotide's nearest neighbours that two layers share."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from harness.statistics.bootstrap import Estimate
from tasks.similarity.cka import Floats, States, without_own

DECIMALS = 9
"""Cosines that differ by less are rounding: nucleotides with the same state are equally near."""


def neighbourhoods(states: States, each: int, count: int) -> NDArray[np.float32]:
    """(n, n): how likely a nucleotide (column) is among the ``count`` nearest by cosine of another (row).

    Only nucleotides of other RNAs are neighbours: those beside it in the same RNA are near in every layer. Of
    neighbours that are equally near at the last place, each is as likely; so a layer of few distinct states shares
    little with anything, itself included.
    """
    values = states.astype(np.float64)
    values /= np.maximum(np.linalg.norm(values, axis=1, keepdims=True), np.finfo(np.float64).tiny)
    cosines = without_own(np.round(values @ values.T, DECIMALS), each, -np.inf)
    last = np.partition(cosines, -count, axis=1)[:, -count, None]
    nearer, tied = cosines > last, cosines == last
    room = (count - nearer.sum(axis=1, keepdims=True)) / tied.sum(axis=1, keepdims=True)
    return np.asarray(nearer + tied * room, dtype=np.float32)


def shares_by_rna(
    first: NDArray[np.float32], second: NDArray[np.float32], each: int, count: int
) -> NDArray[np.float64]:
    """(RNAs,): the mean share of neighbours in common over the nucleotides of each RNA."""
    shares = (first * second).sum(axis=1, dtype=np.float64) / count
    return np.asarray(shares.reshape(-1, each).mean(axis=1))


def shared_neighbours(
    first: NDArray[np.float32], second: NDArray[np.float32], each: int, count: int, weights: Floats
) -> Estimate:
    """The mean over nucleotides; chance is count / (n - each). Draws are over RNAs, whose neighbours stay."""
    by_rna = shares_by_rna(first, second, each, count)
    return Estimate(float(by_rna.mean()), weights @ by_rna / len(by_rna), len(by_rna))


def chance(nucleotides: int, each: int, count: int) -> float:
    """What independent layers share."""
    return count / (nucleotides - each)
