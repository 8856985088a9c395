"""A smoothed Markov model of nucleotides: what a masked nucleotide costs to one who knows only its neighbours."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_CODES = {"A": 0, "C": 1, "G": 2, "U": 3}


class MarkovModel:
    """An interpolated Markov chain of a given order (Witten-Bell smoothing down to the uniform distribution).

    P(x | context) = (count(context, x) + distinct(context) * P(x | shorter context)) / (count(context) + distinct).
    A context that holds N or the end of the sequence is cut there.
    """

    def __init__(self, order: int, sequences: Sequence[str]) -> None:
        self.order = order
        counts = [np.zeros((4**length, 4)) for length in range(order + 1)]
        for sequence in sequences:
            contexts, nucleotides = _contexts(sequence, order)
            for length in range(order + 1):
                known = (contexts[:, length] >= 0) & (nucleotides >= 0)
                np.add.at(counts[length], (contexts[known, length], nucleotides[known]), 1)
        self.probabilities = [np.full((1, 4), 0.25)]
        for length, count in enumerate(counts):
            shorter = self.probabilities[-1]
            backed = shorter[np.arange(4**length) % len(shorter)]
            distinct = (count > 0).sum(1, keepdims=True)
            total = count.sum(1, keepdims=True) + distinct
            smoothed = (count + distinct * backed) / np.maximum(total, 1)
            self.probabilities.append(np.where(total > 0, smoothed, backed))
        self._table = np.log(np.concatenate(self.probabilities[1:]))

    def log_probabilities(self, sequence: str) -> NDArray[np.float64]:
        """log P of A, C, G, U at each position given the nucleotides before it: (length, 4), nats, normalised."""
        contexts, _ = _contexts(sequence, self.order)
        longest = (contexts >= 0).sum(1) - 1
        starts = np.cumsum([0, *(4**length for length in range(self.order))])
        rows = starts[longest] + contexts[np.arange(len(sequence)), longest]
        log_probabilities: NDArray[np.float64] = self._table[rows]
        return log_probabilities


class TwoSidedMarkov:
    """The same chain read from the left and from the right, multiplied and normalised over the four nucleotides.

    It knows ``order`` neighbours on each side, so that a masked model with both sides in sight is not compared with a
    chain that sees one. P(x | left, right) is proportional to P(x | left) P(x | right) / P(x).
    """

    def __init__(self, order: int, sequences: Sequence[str]) -> None:
        self.forward = MarkovModel(order, sequences)
        self.backward = MarkovModel(order, [sequence[::-1] for sequence in sequences])

    def log_probabilities(self, sequence: str) -> NDArray[np.float64]:
        """log P of A, C, G, U at each position given both sides: (length, 4), nats, normalised."""
        prior = np.log(self.forward.probabilities[1][0])
        scores = (
            self.forward.log_probabilities(sequence) + self.backward.log_probabilities(sequence[::-1])[::-1] - prior
        )
        normalised: NDArray[np.float64] = scores - np.logaddexp.reduce(scores, axis=1, keepdims=True)
        return normalised


def _contexts(sequence: str, order: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Codes of the 0 to ``order`` letters before each position, -1 where there are not as many; and the letters."""
    nucleotides = np.array([_CODES.get(letter, -1) for letter in sequence], dtype=np.int64)
    contexts = np.zeros((len(sequence), order + 1), dtype=np.int64)
    for length in range(1, order + 1):
        before = np.concatenate([np.full(length, -1), nucleotides[: max(len(sequence) - length, 0)]])[: len(sequence)]
        shorter = contexts[:, length - 1]
        contexts[:, length] = np.where((before >= 0) & (shorter >= 0), shorter + before * 4 ** (length - 1), -1)
    return contexts, nucleotides
