"""Pairwise alignment as a similarity model: what aligning two sequences tells about them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from harness.adapter import ModelAdapter, ModelCard, ModelOptions
from harness.sequences.pairwise import (
    GAP_EXTEND,
    GAP_OPEN,
    MATCH,
    MISMATCH,
    SCALE,
    global_identity,
    local_alignment,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ADAPTER_VERSION = 1
"""Raised whenever the similarity of the same sequences changes."""


class _Alignment(ModelAdapter):
    """A similarity that is computed for one pair of sequences at a time."""

    def __init__(
        self, name: str, score: Callable[[str, str], float], summary: str, licence: str, citation: str
    ) -> None:
        self._score = score
        self.card = ModelCard(
            name=name,
            summary=summary,
            role="reference",
            architecture="pairwise alignment",
            capabilities=frozenset({"similarity"}),
            parameters=0,
            corpus="none",
            licence=licence,
            citation=citation,
        )

    def identity(self) -> str:
        facts = [self.card.name, ADAPTER_VERSION, MATCH, MISMATCH, GAP_OPEN, GAP_EXTEND, SCALE]
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()

    def similarity(self, pairs: Sequence[tuple[str, str]]) -> NDArray[np.float32]:
        import numpy as np

        return np.array([self._score(first, second) for first, second in pairs], np.float32)


class GlobalIdentity(_Alignment):
    """See :func:`harness.sequences.pairwise.global_identity`."""

    def __init__(self, options: ModelOptions) -> None:
        super().__init__(
            "identity",
            global_identity,
            "identity of the global alignment, 1 - edit distance / longer length",
            "MIT (edlib)",
            "Šošić and Šikić, Edlib, Bioinformatics 2017, doi:10.1093/bioinformatics/btw753",
        )


class LocalAlignment(_Alignment):
    """See :func:`harness.sequences.pairwise.local_alignment`."""

    def __init__(self, options: ModelOptions) -> None:
        super().__init__(
            "local-alignment",
            local_alignment,
            f"Smith-Waterman score ({MATCH}/{MISMATCH}, gaps {GAP_OPEN}/{GAP_EXTEND}) as minus the log of an E-value",
            "BSD (parasail)",
            "Daily, Parasail, BMC Bioinformatics 2016, doi:10.1186/s12859-016-0930-z",
        )
