"""k-mers of a sequence, as numbers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]


def placed_kmers(sequence: str, k: int) -> tuple[Integers, Integers]:
    """Where each k-mer of a sequence starts, and its number below 4ᵏ, from left to right.

    Numbers follow the alphabet: AA…A is 0, AA…C is 1, UU…U is 4ᵏ - 1. A k-mer with an N in it is left out.
    """
    codes = np.frombuffer(sequence.translate(str.maketrans("ACGUN", "\0\1\2\3\4")).encode(), np.uint8)
    if len(codes) < k:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    windows = np.lib.stride_tricks.sliding_window_view(codes.astype(np.int64), k)
    starts = np.flatnonzero((windows < 4).all(axis=1))
    numbers: Integers = windows[starts] @ 4 ** np.arange(k - 1, -1, -1)
    return starts, numbers


def kmers(sequence: str, k: int) -> Integers:
    """The numbers of :func:`placed_kmers` alone."""
    return placed_kmers(sequence, k)[1]


def kmer_counts(sequences: Sequence[str], k: int) -> NDArray[np.float32]:
    """(sequences, 4ᵏ) float32 counts, overlapping ones included, in the order AA…A, AA…C, …, UU…U.

    A k-mer that holds an N is not counted, so that a sequence shorter than k, or of N alone, is the zero vector.
    """
    counts = np.zeros((len(sequences), 4**k), np.float32)
    for row, sequence in zip(counts, sequences, strict=True):
        row[:] = np.bincount(kmers(sequence, k), minlength=4**k)
    return counts


def kmer_name(number: int, k: int) -> str:
    """The letters of a k-mer: 0 is AA…A."""
    return "".join("ACGU"[number // 4**place % 4] for place in reversed(range(k)))


def length_and_gc(sequences: Sequence[str]) -> NDArray[np.float64]:
    """(sequences, 2): ln length in nucleotides, and the share of G and C among A, C, G, U (0.5 where there is none)."""
    rows = np.empty((len(sequences), 2))
    for row, sequence in zip(rows, sequences, strict=True):
        strong, known = sequence.count("G") + sequence.count("C"), len(sequence) - sequence.count("N")
        row[:] = np.log(len(sequence)), strong / known if known else 0.5
    return rows
