"""Floors that read no more than how long a sequence is and what it is made of."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from harness.adapter import Role
from tasks.sae.sources import FeatureSource


class LengthSource(FeatureSource):
    """The number of nucleotides, at every nucleotide."""

    name: str = "length"
    role: Role = "floor"
    features: int = 1

    def fit(self, sample: NDArray[np.float32]) -> None:
        """Nothing to learn."""

    def encode(self, sequence: str, hidden: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.full((len(sequence), 1), len(sequence), dtype=np.float32)

    def feature_name(self, index: int) -> str:
        return "length"


class CompositionSource(FeatureSource):
    """Shares of A, C, G, U and of G and C together in the whole sequence, at every nucleotide."""

    name: str = "composition"
    role: Role = "floor"
    features: int = 5
    letters: ClassVar[tuple[str, ...]] = ("A", "C", "G", "U", "GC")

    def fit(self, sample: NDArray[np.float32]) -> None:
        """Nothing to learn."""

    def encode(self, sequence: str, hidden: NDArray[np.float32]) -> NDArray[np.float32]:
        known = max(1, len(sequence) - sequence.count("N"))
        shares = [sum(map(sequence.count, letters)) / known for letters in self.letters]
        return np.tile(np.array(shares, dtype=np.float32), (len(sequence), 1))

    def feature_name(self, index: int) -> str:
        return f"share of {self.letters[index]}"
