"""A prior of protein contacts that sees no residue: the nearer two are along the chain, the likelier they touch."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from harness.adapter import ModelAdapter, ModelCard, ModelOptions

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class SeparationPrior(ModelAdapter):
    """Scores a pair 1 / |i - j|, so that a threshold on it is a limit to the separation."""

    card = ModelCard(
        name="separation-prior",
        summary="1 / |i - j|: residues near each other along the chain, whatever they are",
        role="floor",
        architecture="separation prior",
        alphabet="protein",
        tokenisation="single amino acid",
        resolution="1 residue",
        capabilities=frozenset({"pair_scores"}),
        parameters=0,
        corpus="none",
        licence="none needed",
    )

    def __init__(self, options: ModelOptions) -> None:
        pass

    def identity(self) -> str:
        return hashlib.sha256(b"separation prior 1").hexdigest()

    def pair_scores(self, sequences: Sequence[str]) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """Yield ``(index, (length, length))`` float32 scores, with 1 on the diagonal."""
        import numpy as np

        for index, sequence in enumerate(sequences):
            place = np.arange(len(sequence))
            separation = np.maximum(abs(place[:, None] - place), 1)
            yield index, (1 / separation).astype(np.float32)
