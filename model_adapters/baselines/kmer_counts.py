"""k-mer counts: composition alone, nothing learned. The floor for every measure of similarity."""

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
        """(sequences, 4ᵏ) float32, see :func:`harness.sequences.kmers.kmer_counts`."""
        from harness.sequences.kmers import kmer_counts

        return kmer_counts(sequences, self.k)
