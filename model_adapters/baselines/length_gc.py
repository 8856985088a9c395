"""Length and GC content: similarity without reading the sequences. A floor."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from harness.adapter import ModelAdapter, ModelCard, ModelOptions

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ADAPTER_VERSION = 1
"""Raised whenever the similarity of the same sequences changes."""

SPREAD = (0.560, 0.116)
"""Standard deviations of ln length and of GC content over the Rfam 14.1 seed sequences, every family weighing the same.

Fixed, so that the similarity of two sequences does not depend on the others of a run. A mean would cancel.
"""


class LengthGc(ModelAdapter):
    """The negative Euclidean distance of ln length and GC content, each in units of its standard deviation."""

    def __init__(self, options: ModelOptions) -> None:
        self.card = ModelCard(
            name="length-gc",
            summary="negative distance of z-scored ln length and GC content",
            role="floor",
            architecture="length and GC content",
            capabilities=frozenset({"similarity"}),
            parameters=0,
            corpus="standard deviations of ln length and GC content over Rfam 14.1 seed sequences",
            licence="none needed",
        )

    def identity(self) -> str:
        return hashlib.sha256(json.dumps(["length and GC", ADAPTER_VERSION, SPREAD]).encode()).hexdigest()

    def similarity(self, pairs: Sequence[tuple[str, str]]) -> NDArray[np.float32]:
        """(pairs,) float32, at most 0. N counts for the length, not for the GC content (0.5 where all is N)."""
        import numpy as np

        from harness.sequences.kmers import length_and_gc

        distinct = {sequence: row for row, sequence in enumerate(dict.fromkeys(s for pair in pairs for s in pair))}
        places = length_and_gc(list(distinct)) / SPREAD
        first = places[[distinct[sequence] for sequence, _ in pairs]]
        second = places[[distinct[sequence] for _, sequence in pairs]]
        return (-np.linalg.norm(first - second, axis=1)).astype(np.float32)
