"""Representations that need no model: letters, letters around, counts of 3-mers around, and position."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from harness.sequences.kmers import placed_kmers

Floats = NDArray[np.float64]

AROUND = 2
K, REACH = 3, 15
FREQUENCIES = 16


def letters(sequence: str) -> Floats:
    """(length, 4) one-hot; N has none."""
    return np.array([[letter == own for own in "ACGU"] for letter in sequence], dtype=np.float64)


def letters_around(sequence: str) -> Floats:
    """(length, 20): the letters from two before to two after; none beyond the ends."""
    padded = np.pad(letters(sequence), ((AROUND, AROUND), (0, 0)))
    return np.hstack([padded[start : start + len(sequence)] for start in range(2 * AROUND + 1)])


def kmers_around(sequence: str) -> Floats:
    """(length, 64): counts of the 3-mers that start within 15 nucleotides."""
    starts, numbers = placed_kmers(sequence, K)
    ends = np.zeros((len(sequence) + 1, 4**K))
    np.add.at(ends, (starts + 1, numbers), 1)
    ends = ends.cumsum(axis=0)
    at = np.arange(len(sequence))
    return np.asarray(ends[np.minimum(at + REACH + 1, len(sequence))] - ends[np.maximum(at - REACH, 0)])


def position(sequence: str) -> Floats:
    """(length, 32): sines and cosines of the distance from the 5' end (Vaswani et al. 2017)."""
    angles = np.arange(len(sequence))[:, None] / 10_000 ** (np.arange(FREQUENCIES) / FREQUENCIES)
    return np.hstack([np.sin(angles), np.cos(angles)])


LETTERS = "letters"
FLOORS: Mapping[str, Callable[[str], Floats]] = {
    LETTERS: letters,
    "letters-around": letters_around,
    "3-mers-around": kmers_around,
    "position": position,
}
