"""Counts of k-mers, for the baselines and for tasks that hold composition fixed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def kmers(sequence: str, k: int) -> NDArray[np.int64]:
    """The k-mers of a sequence from left to right as numbers below 4ᵏ, those with an N left out."""
    codes = np.frombuffer(sequence.translate(str.maketrans("ACGUN", "\0\1\2\3\4")).encode(), np.uint8)
    if len(codes) < k:
        return np.empty(0, np.int64)
    windows = np.lib.stride_tricks.sliding_window_view(codes.astype(np.int64), k)
    numbers: NDArray[np.int64] = windows[(windows < 4).all(axis=1)] @ 4 ** np.arange(k - 1, -1, -1)
    return numbers


def kmer_counts(sequences: Sequence[str], k: int) -> NDArray[np.float32]:
    """(sequences, 4ᵏ) float32 counts, overlapping ones included, in the order AA…A, AA…C, …, UU…U.

    A k-mer that holds an N is not counted, so that a sequence shorter than k, or of N alone, is the zero vector.
    """
    counts = np.zeros((len(sequences), 4**k), np.float32)
    for row, sequence in zip(counts, sequences, strict=True):
        row[:] = np.bincount(kmers(sequence, k), minlength=4**k)
    return counts
