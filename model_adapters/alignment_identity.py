"""Pairwise alignment as a model of similarity: what can be told of two RNAs by aligning their sequences."""

from __future__ import annotations

import hashlib
import json
from abc import abstractmethod
from collections.abc import Sequence
from math import log
from typing import TYPE_CHECKING

from harness.adapter import ModelAdapter, ModelCard, ModelOptions

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ADAPTER_VERSION = 1
"""Raised whenever the similarity of the same sequences changes."""

MATCH, MISMATCH, GAP_OPEN, GAP_EXTEND = 5, -4, 12, 4
"""+5/−4 is the usual nucleotide matrix for distant homologs (EDNAFULL); a gap's first nucleotide costs GAP_OPEN."""

SCALE = 0.1915
"""λ of Karlin and Altschul 1990 (doi:10.1073/pnas.87.6.2264): e^(5λ)/4 + 3e^(−4λ)/4 = 1, for ungapped alignments."""


class _Alignment(ModelAdapter):
    """A similarity that is computed for one pair of sequences at a time."""

    def __init__(self, name: str, summary: str, citation: str) -> None:
        self.card = ModelCard(
            name=name,
            summary=summary,
            role="reference",
            architecture="pairwise alignment",
            capabilities=frozenset({"similarity"}),
            parameters=0,
            corpus="none",
            licence="MIT (edlib)" if name == "identity" else "BSD (parasail)",
            citation=citation,
        )

    def identity(self) -> str:
        facts = [self.card.name, ADAPTER_VERSION, MATCH, MISMATCH, GAP_OPEN, GAP_EXTEND, SCALE]
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()

    def similarity(self, pairs: Sequence[tuple[str, str]]) -> NDArray[np.float32]:
        import numpy as np

        return np.array([self.score(first, second) for first, second in pairs], np.float32)

    @abstractmethod
    def score(self, first: str, second: str) -> float:
        """How alike two sequences are."""


class GlobalIdentity(_Alignment):
    """1 − d / L, with d the edit distance of the global alignment and L the length of the longer sequence: 0 to 1."""

    def __init__(self, options: ModelOptions) -> None:
        super().__init__(
            "identity",
            "identity of the global alignment, 1 - edit distance / longer length",
            "Šošić and Šikić, Edlib, Bioinformatics 2017, doi:10.1093/bioinformatics/btw753",
        )

    def score(self, first: str, second: str) -> float:
        from edlib import align

        distance: int = align(first, second, mode="NW", task="distance")["editDistance"]
        return 1 - distance / max(len(first), len(second))


class LocalAlignment(_Alignment):
    """λS − ln(mn): score S of the best local alignment of m and n nucleotides, less what chance gives at that size.

    It is minus the logarithm of a Karlin-Altschul E-value, up to a constant. N matches nothing and costs nothing.
    """

    def __init__(self, options: ModelOptions) -> None:
        super().__init__(
            "local-alignment",
            f"Smith-Waterman score ({MATCH}/{MISMATCH}, gaps {GAP_OPEN}/{GAP_EXTEND}) as minus the log of an E-value",
            "Daily, Parasail, BMC Bioinformatics 2016, doi:10.1186/s12859-016-0930-z",
        )

    def score(self, first: str, second: str) -> float:
        import parasail

        matrix = parasail.matrix_create("ACGU", MATCH, MISMATCH)
        best = parasail.sw_striped_sat(first, second, GAP_OPEN, GAP_EXTEND, matrix).score
        return SCALE * best - log(len(first) * len(second))
