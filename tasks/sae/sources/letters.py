"""Floors that read letters alone: k-mers, how long a sequence is, what it is made of, where a nucleotide lies."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import scipy.sparse
from numpy.typing import NDArray

from harness.adapter import Role
from harness.sequences.kmers import kmer_name, placed_kmers
from tasks.sae.sources.base import LetterSource

_LONGEST_KMER = 6


class LengthSource(LetterSource):
    """The number of nucleotides, at every nucleotide."""

    name: str = "length"
    role: Role = "floor"
    features: int = 1

    def encode(self, sequence: str) -> NDArray[np.float32]:
        return np.full((len(sequence), 1), len(sequence), dtype=np.float32)

    def feature_name(self, index: int) -> str:
        return "length"


class CompositionSource(LetterSource):
    """Shares of A, C, G, U and of G and C together in the whole sequence, at every nucleotide."""

    name: str = "composition"
    role: Role = "floor"
    features: int = 5
    letters: ClassVar[tuple[str, ...]] = ("A", "C", "G", "U", "GC")

    def encode(self, sequence: str) -> NDArray[np.float32]:
        known = max(1, len(sequence) - sequence.count("N"))
        shares = [sum(map(sequence.count, letters)) / known for letters in self.letters]
        return np.tile(np.array(shares, dtype=np.float32), (len(sequence), 1))

    def feature_name(self, index: int) -> str:
        return f"share of {self.letters[index]}"


class KmerSource(LetterSource):
    """Indicators of all k-mers, k = 1 to 6, that cover the nucleotide: 5,460 features.

    Features are ordered by k, then alphabetically. A k-mer with an N in it does not exist.
    """

    name = "kmer"
    role: Role = "floor"
    features = sum(4**k for k in range(1, _LONGEST_KMER + 1))

    def encode(self, sequence: str) -> scipy.sparse.csr_array:
        rows, columns = [], []
        offset = 0
        for k in range(1, _LONGEST_KMER + 1):
            starts, numbers = placed_kmers(sequence, k)
            rows.append((starts[:, None] + np.arange(k)).ravel())
            columns.append(np.repeat(numbers + offset, k))
            offset += 4**k
        keys = np.unique(np.concatenate(rows) * self.features + np.concatenate(columns))
        counts = np.bincount(keys // self.features, minlength=len(sequence))
        pointers = np.concatenate([[0], counts.cumsum()])
        parts = np.ones(len(keys), dtype=np.float32), keys % self.features, pointers
        return scipy.sparse.csr_array(parts, shape=(len(sequence), self.features))

    def feature_name(self, index: int) -> str:
        k = 1
        while index >= 4**k:
            index -= 4**k
            k += 1
        return kmer_name(index, k)


class PositionSource(LetterSource):
    """Where a nucleotide lies: its distances to the nearest end, to the 5' and to the 3' end, and its share of the
    way."""

    name: str = "position"
    role: Role = "floor"
    features: int = 4

    def encode(self, sequence: str) -> NDArray[np.float32]:
        place = np.arange(len(sequence), dtype=np.float32)
        back = place[::-1]
        return np.column_stack([np.minimum(place, back), place, back, place / max(1, len(sequence) - 1)])

    def feature_name(self, index: int) -> str:
        return ("distance to the nearest end", "distance to the 5' end", "distance to the 3' end", "share of the way")[
            index
        ]


class KmerPositionSource(LetterSource):
    """The k-mers that cover a nucleotide, and where it lies."""

    name = "kmer-position"
    role: Role = "floor"

    def __init__(self) -> None:
        self.parts = KmerSource(), PositionSource()
        self.features = sum(part.features for part in self.parts)

    def encode(self, sequence: str) -> scipy.sparse.csr_array:
        encoded = [scipy.sparse.csr_array(part.encode(sequence)) for part in self.parts]
        return scipy.sparse.csr_array(scipy.sparse.hstack(encoded))

    def feature_name(self, index: int) -> str:
        kmers, position = self.parts
        return kmers.feature_name(index) if index < kmers.features else position.feature_name(index - kmers.features)
