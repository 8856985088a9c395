"""Counts of k-mers: composition, and nothing learned. The floor under every measure of similarity."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from harness.adapter import ModelAdapter, ModelCard, ModelOptions

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ADAPTER_VERSION = 1
"""Raised whenever the counts of the same sequence change."""


class KmerCounts(ModelAdapter):
    """How often a sequence holds each of the 4ᵏ k-mers, overlapping ones included."""

    def __init__(self, options: ModelOptions, *, k: int) -> None:
        self.k = k
        self.card = ModelCard(
            name=f"kmer-{k}",
            summary=f"counts of the {4**k} {k}-mers of a sequence" if k > 1 else "counts of the four nucleotides",
            role="floor",
            architecture="k-mer counts",
            capabilities=frozenset({"sequence_vectors"}),
            width=4**k,
            parameters=0,
            corpus="none",
            licence="none needed",
        )

    def identity(self) -> str:
        return hashlib.sha256(f"k-mer counts {ADAPTER_VERSION} {self.k}".encode()).hexdigest()

    def sequence_vectors(self, sequences: Sequence[str]) -> NDArray[np.float32]:
        """(sequences, 4ᵏ) float32 counts in the order AA…A, AA…C, …, UU…U.

        A k-mer that holds an N is not counted, so that a sequence shorter than k, or of N alone, is the zero vector.
        """
        import numpy as np

        counts = np.zeros((len(sequences), 4**self.k), np.float32)
        for row, sequence in zip(counts, sequences, strict=True):
            row[:] = np.bincount(kmers(sequence, self.k), minlength=4**self.k)
        return counts


def kmers(sequence: str, k: int) -> NDArray[np.int64]:
    """The k-mers of a sequence from left to right as numbers below 4ᵏ, those with an N left out."""
    import numpy as np

    codes = np.frombuffer(sequence.translate(str.maketrans("ACGUN", "\0\1\2\3\4")).encode(), np.uint8)
    if len(codes) < k:
        return np.empty(0, np.int64)
    windows = np.lib.stride_tricks.sliding_window_view(codes.astype(np.int64), k)
    numbers: NDArray[np.int64] = windows[(windows < 4).all(axis=1)] @ 4 ** np.arange(k - 1, -1, -1)
    return numbers
