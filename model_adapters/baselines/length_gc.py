"""Length and GC content: similarity without reading the sequences. A floor."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from harness.adapter import ModelAdapter, ModelCard, ModelOptions

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ADAPTER_VERSION = 2
"""Raised whenever the vector of the same sequence changes."""


class LengthGc(ModelAdapter):
    """Ln length and GC content, compared by distance in units of their standard deviations over the data at hand."""

    def __init__(self, options: ModelOptions) -> None:
        self.card = ModelCard(
            name="length-gc",
            summary="negative distance of z-scored ln length and GC content",
            role="floor",
            architecture="length and GC content",
            capabilities=frozenset({"sequence_vectors"}),
            width=2,
            parameters=0,
            corpus="none",
            licence="none needed",
            vectors_compared_by="distance",
        )

    def identity(self) -> str:
        return hashlib.sha256(f"length and GC {ADAPTER_VERSION}".encode()).hexdigest()

    def sequence_vectors(self, sequences: Sequence[str]) -> NDArray[np.float32]:
        """(sequences, 2) float32, see :func:`harness.sequences.kmers.length_and_gc`."""
        import numpy as np

        from harness.sequences.kmers import length_and_gc

        return length_and_gc(sequences).astype(np.float32)
