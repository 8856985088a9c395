"""Models whose predictions are structure and whose attention is not, the reverse, and models that know nothing."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from harness.adapter import ModelAdapter
from harness.datasets.records import Dataset
from tests.fakes import FakeModel
from tests.tasks.structure.planted import PARTNER, AttentionModel, dataset

LETTERS = "ACGU"
Floats = NDArray[np.float32]

__all__ = ["Causal", "Contextual", "Dead", "Structural", "dataset"]


def log_softmax(logits: Floats) -> Floats:
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return (shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))).astype(np.float32)


class Contextual(FakeModel):
    """A little network with random weights: every prediction depends on all letters and their distances."""

    capability = "unmasked_log_probs"

    def __init__(self, seed: int = 0, name: str = "contextual", **card: object) -> None:
        super().__init__(name, f"{name}-{seed}", **({"capabilities": {self.capability}, "layers": None} | card))
        self.seed = seed

    def random_twin(self, initialisation: int = 0) -> ModelAdapter:
        return type(self)(self.seed + 1 + initialisation)

    def logits(self, sequence: str) -> Floats:
        generator = np.random.default_rng(self.seed)
        weights, mixing = generator.normal(size=(5, 8)), generator.normal(size=(101, 8, 8)) / 4
        output = generator.normal(size=(8, 4))
        states = weights[["ACGUN".index(letter) for letter in sequence]]
        at = np.arange(len(sequence))
        far = mixing[np.clip(at[None] - at[:, None], -50, 50) + 50]
        seen = (
            np.tril(np.ones((len(at), len(at))), -1) if self.capability == "causal_log_probs" else 1 - np.eye(len(at))
        )
        mixed = np.einsum("ij,jd,ijde->ie", seen, states, far)
        if self.capability == "unmasked_log_probs":
            mixed = mixed + states
        return np.asarray(np.tanh(mixed) @ output, dtype=np.float32)

    def unmasked_log_probs(self, sequences: Sequence[str]) -> Iterator[tuple[int, Floats]]:
        self.check_lengths(sequences)
        for index in reversed(range(len(sequences))):
            yield index, log_softmax(self.logits(sequences[index]))


class Causal(Contextual):
    """Sees only what comes before."""

    capability = "causal_log_probs"

    def causal_log_probs(self, sequences: Sequence[str]) -> Iterator[tuple[int, Floats]]:
        yield from self.unmasked_log_probs(sequences)


class Structural(Contextual):
    """Each base of a known pair predicts the complement of its partner, wherever it stands; attention is noise.

    A reversed or unknown sequence has no known pairs: its predictions are those of its own letters.
    """

    def __init__(self, known: Dataset | None = None, name: str = "structural") -> None:
        card = {"capabilities": {"unmasked_log_probs", "attention"}, "layers": 2, "heads": 3}
        super().__init__(0, name, **card)
        # a mutant has the length and all but one of the letters of its RNA
        self.known = [(record.sequence, record.pairs or ()) for record in known.records] if known else []

    def logits(self, sequence: str) -> Floats:
        logits = np.zeros((len(sequence), 4), dtype=np.float32)
        logits[np.arange(len(sequence)), [LETTERS.index(letter) for letter in sequence]] = 1
        for own, pairs in self.known:
            if len(own) == len(sequence) and sum(a != b for a, b in zip(own, sequence, strict=True)) <= 1:
                for i, j in pairs:
                    logits[i, LETTERS.index(PARTNER[sequence[j]])] += 3
                    logits[j, LETTERS.index(PARTNER[sequence[i]])] += 3
        return logits

    def visit_attention(self, sequences: Sequence[str], visit: Callable[[int, int, Floats], None]) -> None:
        AttentionModel().visit_attention(sequences, visit)


class Dead(AttentionModel):
    """Attention that knows the pairs, and a head that answers alike whatever it is given."""

    def __init__(self, known: Dataset | None = None) -> None:
        super().__init__(known, "dead", capabilities={"unmasked_log_probs", "attention"})

    def unmasked_log_probs(self, sequences: Sequence[str]) -> Iterator[tuple[int, Floats]]:
        for index, sequence in enumerate(sequences):
            noise = np.random.default_rng(zlib.crc32(sequence.encode())).normal(size=(len(sequence), 4))
            yield index, log_softmax((1e-7 * noise).astype(np.float32))
