"""Faults that depend on what else is asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from tests.sound_adapters import LAYERS, Floats, Sound


class KeepsRoundedAnswers(Sound):
    """Keeps its last answer with three digits, and hands it back when the same input comes again."""

    last: tuple[Any, Floats] = ((), np.empty(0, np.float32))

    def similarity(self, pairs: Sequence[tuple[str, str]]) -> Floats:
        if self.last[0] == tuple(pairs):
            return self.last[1]
        values = super().similarity(pairs)
        self.last = tuple(pairs), values.round(3)
        return values


class MixesUpOrder(Sound):
    """Sorts by length and hands the vectors back in sorted order."""

    def sequence_vectors(self, sequences: Sequence[str]) -> Floats:
        return super().sequence_vectors(sorted(sequences, key=len, reverse=True))


class SeesPadding(Sound):
    def sequence_vectors(self, sequences: Sequence[str]) -> Floats:
        longest = max(map(len, sequences))
        padded = np.array([longest - len(sequence) for sequence in sequences], np.float32)
        return super().sequence_vectors(sequences) + 0.01 * padded[:, None]


class DependsOnBudget(Sound):
    def hidden_states(self, sequences: Sequence[str], layers: Sequence[int]) -> Iterator[tuple[int, dict[int, Floats]]]:
        for index, states in super().hidden_states(sequences, layers):
            yield index, {layer: array + np.float32(self.batches > 1) for layer, array in states.items()}

    def hidden_states_with_leading(
        self, sequences: Sequence[str], layers: Sequence[int]
    ) -> Iterator[tuple[int, dict[int, Floats]]]:
        list(self.batched(sequences))
        yield from super().hidden_states_with_leading(sequences, layers)


class NormsEarlyExit(Sound):
    """Takes the layer it stops at for the last one, and so puts it through the final norm."""

    def hidden_states(self, sequences: Sequence[str], layers: Sequence[int]) -> Iterator[tuple[int, dict[int, Floats]]]:
        top = max(self.resolve_layer(layer) for layer in layers)
        for index, states in super().hidden_states(sequences, layers):
            yield index, {k: v * 2 if 0 < self.resolve_layer(k) == top < LAYERS else v for k, v in states.items()}


class LeadingWithoutNorm(Sound):
    def hidden_states_with_leading(
        self, sequences: Sequence[str], layers: Sequence[int]
    ) -> Iterator[tuple[int, dict[int, Floats]]]:
        for index, states in super().hidden_states_with_leading(sequences, layers):
            yield index, {layer: 2 * array for layer, array in states.items()}
