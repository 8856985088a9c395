"""Faults of probabilities, of replaced states, and of scores of pairs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from harness.adapter import ModelOptions, Replacement
from tests.sound_adapters import LAYERS, Floats, Sound, log_softmax


class MaskedOnly(Sound):
    """So that its faults are no faults of predictions without a mask too."""

    def __init__(self, options: ModelOptions, initialisation: int | None = None) -> None:
        super().__init__(options, initialisation)
        kept = self.card.capabilities - {"unmasked_log_probs"}
        self.card = self.card.model_copy(update={"capabilities": kept})


class Unnormalised(MaskedOnly):
    def log_probs(self, *arguments: Any, **options: Any) -> Iterator[tuple[int, Floats]]:
        for index, values in super().log_probs(*arguments, **options):
            yield index, values - np.float32(0.1)


class MasksNothing(Sound):
    def masked(self, codes: list[int], positions: Sequence[int]) -> list[int]:
        return codes


class MasksAllTheSame(Sound):
    """Its predictions without a mask are those under one."""

    def unmasked_log_probs(self, sequences: Sequence[str]) -> Iterator[tuple[int, Floats]]:
        yield from self.log_probs(sequences, [range(len(sequence)) for sequence in sequences])


class SeesTheFuture(Sound):
    def seen_before(self, codes: Sequence[int]) -> Floats:
        return super().seen_before(codes) + self.embed(codes)


class IgnoresReplacement(Sound):
    def log_probs(
        self, sequences: Sequence[str], positions: Sequence[Sequence[int]], replacement: Replacement | None = None
    ) -> Iterator[tuple[int, Floats]]:
        yield from super().log_probs(sequences, positions)


class OneSidedPairs(Sound):
    def pair_scores(self, sequences: Sequence[str]) -> Iterator[tuple[int, Floats]]:
        for index, scores in super().pair_scores(sequences):
            yield index, np.triu(scores)


class OneSidedSimilarity(Sound):
    def compare(self, first: Floats, second: Floats) -> float:
        return float(first @ (second + 1))


class SkipsTheLastBlock(MaskedOnly):
    """Splices in before the last block what is meant for after it."""

    def forward(
        self, codes: Sequence[int], replacement: Replacement | None = None, index: int = 0
    ) -> tuple[list[Floats], list[Floats]]:
        if replacement is not None and replacement.layer == LAYERS:
            replacement = Replacement(LAYERS - 1, replacement.function)
        return super().forward(codes, replacement, index)


class HeadSeesMore(MaskedOnly):
    """Its head reads the embedding beside the last layer."""

    def log_probs(
        self, sequences: Sequence[str], positions: Sequence[Sequence[int]], replacement: Replacement | None = None
    ) -> Iterator[tuple[int, Floats]]:
        for index, values in super().log_probs(sequences, positions, replacement):
            bare = self.embedding[self.masked(self.codes(sequences[index]), positions[index])]
            logits = values + bare.mean(axis=0) @ self.head
            yield index, log_softmax(logits)
