"""Pairing priors: which letters can pair, nothing learned. The floor for every structure score."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from harness.adapter import ModelAdapter, ModelCard, ModelOptions

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ADAPTER_VERSION = 1
"""Raised whenever the scores of the same sequence change."""

PAIR_WEIGHTS = {"AU": 2.0, "CG": 3.0, "GU": 0.8}
"""Weight of a pair, either way round; all other pairs, those with N among them, weigh 0."""

STACKING_REACH = 2


class PairingPrior(ModelAdapter):
    """Scores a pair by its two letters, optionally by the pairs stacked on it, optionally after a row softmax.

    With ``stacked`` the score of a canonical pair (i, j) is w(i, j) plus w(i±k, j∓k) · exp(−k²/2) for k = 1 and 2; a
    pair that is not canonical keeps 0, whatever surrounds it. There is no minimum loop.
    """

    def __init__(self, options: ModelOptions, *, stacked: bool = False, softmax: bool = False) -> None:
        self.stacked = stacked
        self.softmax = softmax
        name = "pairing-prior" + ("-stacked" if stacked else "") + ("-softmax" if softmax else "")
        summary = "weights of canonical pairs (AU 2, GC 3, GU 0.8)"
        if stacked:
            summary += " with those of up to two stacked neighbours on either side"
        if softmax:
            summary += ", after a row softmax"
        self.card = ModelCard(
            name=name,
            summary=summary,
            role="floor",
            architecture="pairing prior",
            capabilities=frozenset({"pair_scores"}),
            parameters=0,
            corpus="none",
            licence="none needed",
            pair_scores_like_attention=True,
        )

    def identity(self) -> str:
        facts = [ADAPTER_VERSION, PAIR_WEIGHTS, STACKING_REACH if self.stacked else 0, self.softmax]
        return hashlib.sha256(json.dumps(["pairing prior", *facts], sort_keys=True).encode()).hexdigest()

    def pair_scores(self, sequences: Sequence[str]) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """Yield ``(index, (length, length))`` float32 scores; symmetric without the softmax, rows of sum 1 with it."""
        import numpy as np
        from scipy.special import softmax

        for index, sequence in enumerate(sequences):
            scores = pair_weights(sequence)
            if self.stacked:
                scores = with_stacking(scores)
            if self.softmax:
                scores = softmax(scores, axis=1)
            yield index, scores.astype(np.float32)


def pair_weights(sequence: str) -> NDArray[np.float64]:
    """``(length, length)`` weights of all pairs of letters, the diagonal (0) included."""
    import numpy as np

    table = np.zeros((256, 256))
    for pair, weight in PAIR_WEIGHTS.items():
        first, second = pair.encode("ascii")
        table[first, second] = table[second, first] = weight
    letters = np.frombuffer(sequence.encode("latin-1"), dtype=np.uint8)
    weights: NDArray[np.float64] = table[np.ix_(letters, letters)]
    return weights


def with_stacking(weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Add to every canonical pair (i, j) the weights of (i±k, j∓k), times exp(−k²/2), for k up to two."""
    import numpy as np

    stacked = weights.copy()
    for k in range(1, STACKING_REACH + 1):
        share = np.exp(-(k**2) / 2)
        stacked[k:, :-k] += share * weights[:-k, k:]
        stacked[:-k, k:] += share * weights[k:, :-k]
    stacked[weights == 0] = 0
    return stacked
