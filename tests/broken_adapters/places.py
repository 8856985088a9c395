"""Faults of attention maps, and of where hidden states and attention lie."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from harness.adapter import ModelOptions
from tests.sound_adapters import Codons, Floats, Sound


class WithoutReplacement(Sound):
    """So that its faults are no faults of replacement too."""

    def __init__(self, options: ModelOptions, initialisation: int | None = None) -> None:
        super().__init__(options, initialisation)
        kept = self.card.capabilities - {"replace_hidden"}
        self.card = self.card.model_copy(update={"capabilities": kept})


class NoSoftmax(Sound):
    def visit_attention(self, sequences: Sequence[str], visit: Callable[[int, int, Floats], None]) -> None:
        super().visit_attention(sequences, lambda index, layer, maps: visit(index, layer, maps * 50))


class LosesAttention(Sound):
    """Spreads tokens over nucleotides so that a part of every row is lost."""

    def visit_attention_with_special(self, sequences: Sequence[str], visit: Callable[[int, int, Floats], None]) -> None:
        super().visit_attention_with_special(sequences, lambda index, layer, maps: visit(index, layer, maps * 0.9))


class ShiftsUpperLayers(WithoutReplacement):
    def hidden_states(self, sequences: Sequence[str], layers: Sequence[int]) -> Iterator[tuple[int, dict[int, Floats]]]:
        for index, states in super().hidden_states(sequences, layers):
            yield index, {k: np.roll(v, 1, axis=0) if self.resolve_layer(k) else v for k, v in states.items()}

    def hidden_states_with_leading(
        self, sequences: Sequence[str], layers: Sequence[int]
    ) -> Iterator[tuple[int, dict[int, Floats]]]:
        for index, states in super().hidden_states_with_leading(sequences, layers):
            yield index, {k: np.concatenate([v[:1], np.roll(v[1:], 1, axis=0)]) for k, v in states.items()}


class ShiftsUpperCodons(ShiftsUpperLayers, Codons):
    """By a nucleotide, which leaves two of three rows where they were."""


class NumbersLayersTooHigh(WithoutReplacement):
    """Layer i is the one below, and layer 0 the embedding all the same."""

    def resolve_layer(self, layer: int) -> int:
        return max(0, super().resolve_layer(layer) - 1)


class ShiftsColumns(Sound):
    axes: tuple[int, ...] = (2,)

    def visit_attention(self, sequences: Sequence[str], visit: Callable[[int, int, Floats], None]) -> None:
        super().visit_attention(
            sequences, lambda i, layer, maps: visit(i, layer, np.roll(maps, [1] * len(self.axes), self.axes))
        )


class ShiftsRows(ShiftsColumns):
    axes = (1,)


class ShiftsMaps(ShiftsColumns):
    axes = (1, 2)


class ShiftsCodonMaps(ShiftsMaps, Codons):
    pass
