"""Faults of letters, lengths, and of what a card says of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from harness.adapter import ModelOptions
from harness.errors import InputError
from tests.sound_adapters import HEADS, LAYERS, WIDTH, Floats, KMers, Sound


class ReadsGAsA(Sound):
    def codes(self, sequence: str) -> list[int]:
        return super().codes(sequence.replace("G", "A"))


class KeepsEnd(Sound):
    """Forgets to cut a special token off the pair scores."""

    def pair_scores(self, sequences: Sequence[str]) -> Iterator[tuple[int, Floats]]:
        for index, scores in super().pair_scores(sequences):
            yield index, np.pad(scores, (0, 1))


class RefusesN(Sound):
    """Refuses N, and its card does not say so."""

    def codes(self, sequence: str) -> list[int]:
        if "N" in sequence:
            raise InputError("no N please")
        return super().codes(sequence)


class CutsLongSequences(Sound):
    def check_lengths(self, sequences: Sequence[str]) -> None:
        pass


class OffByOne(KMers):
    """Gives a nucleotide the 3-mer that starts there instead of the mean of those that cover it."""

    def embed(self, codes: Sequence[int]) -> Floats:
        letters = self.embedding[list(codes)]
        last = len(codes) - 3
        firsts = [min(position, last) for position in range(len(codes))]
        return np.stack([letters[s] + 2 * letters[s + 1] + 3 * letters[s + 2] for s in firsts]).astype(np.float32)


class WrongWidth(Sound):
    def __init__(self, options: ModelOptions, initialisation: int | None = None) -> None:
        super().__init__(options, initialisation)
        self.card = self.card.model_copy(update={"width": WIDTH + 1})


class WrongHeads(Sound):
    def __init__(self, options: ModelOptions, initialisation: int | None = None) -> None:
        super().__init__(options, initialisation)
        self.card = self.card.model_copy(update={"heads": HEADS + 1})


class ForgetsALayer(Sound):
    def visit_attention(self, sequences: Sequence[str], visit: Callable[[int, int, Floats], None]) -> None:
        super().visit_attention(sequences, lambda i, layer, maps: visit(i, layer, maps) if layer < LAYERS else None)


class NotANumber(Sound):
    """Overflows on longer sequences."""

    def pair_scores(self, sequences: Sequence[str]) -> Iterator[tuple[int, Floats]]:
        for index, scores in super().pair_scores(sequences):
            yield index, scores if len(scores) < 100 else scores * np.float32(np.nan)


class KeepsSpecialTokens(Sound):
    """Forgets to cut a special token off the hidden states at both ends."""

    def hidden_states(self, sequences: Sequence[str], layers: Sequence[int]) -> Iterator[tuple[int, dict[int, Floats]]]:
        for index, states in super().hidden_states(sequences, layers):
            yield index, {layer: np.pad(array, ((1, 1), (0, 0))) for layer, array in states.items()}


class FillsWithZeros(Sound):
    """Reads no more than 250 nucleotides, and says nothing of the rest."""

    def hidden_states(self, sequences: Sequence[str], layers: Sequence[int]) -> Iterator[tuple[int, dict[int, Floats]]]:
        for index, states in super().hidden_states(sequences, layers):
            yield index, {k: np.where(np.arange(len(v))[:, None] < 250, v, np.float32(0)) for k, v in states.items()}


class RunsOutOfPositions(Sound):
    """Breaks down beyond 250 nucleotides, where its card allows 300."""

    def codes(self, sequence: str) -> list[int]:
        if len(sequence) > 250:
            raise IndexError("index out of range in self")
        return super().codes(sequence)
