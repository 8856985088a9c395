"""The model under test: made once, and run over standard sequences whose outputs the laws share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.adapter import ModelAdapter, ModelCard, ModelFactory, ModelOptions
from harness.conformance.guards import Watch
from harness.conformance.sequences import aligned, letters_of, probe_sequence, standard_sequences

TOLERANCE = 1e-5
"""Largest difference that float32 rounding explains, relative to the largest value of an array where that exceeds 1."""

Outputs = dict[str, NDArray[np.float32]]
"""All that an adapter says of one sequence, by the name of the capability and the layer."""


class Subject:
    """An adapter, its card, the sequences it is tried on, and everything it returns for them."""

    def __init__(self, make: ModelFactory, device: str = "cpu") -> None:
        self.make = make
        self.device = device
        self.adapter: ModelAdapter = make(ModelOptions())
        self.card: ModelCard = self.adapter.card
        self.letters, self.unknown = letters_of(self.card)
        self.sequences = standard_sequences(self.card)
        """Mixed lengths, longest first, without unknown letters."""
        self.probe = probe_sequence(self.card)
        """A sequence for changes of single letters."""
        self.watch = Watch()

    @property
    def has_layers(self) -> bool:
        return self.card.layers is not None

    @property
    def layers(self) -> list[int]:
        """The embedding, a middle layer and the last one."""
        last = self.card.layers or 0
        return sorted({0, last // 2, last})

    @cached_property
    def identity(self) -> str:
        """Finding it finds, and may fetch, the weights: the one moment when a network is in order."""
        return self.adapter.identity()

    @cached_property
    def outputs(self) -> list[Outputs]:
        """What the adapter says of the standard sequences."""
        return self.run(self.sequences)

    @cached_property
    def low_precision(self) -> tuple[str, list[Outputs]]:
        """Identity and outputs of the same model asked to run in bfloat16."""
        self.adapter.unload()  # two large models at once may not fit
        other = self.make(ModelOptions(dtype="bfloat16"))
        identity = other.identity()
        with self.watch:
            other.load(self.device)
            outputs = collect(other, self.given(self.sequences), self.sequences, self.layers, self.sequences[0])
        other.unload()
        return identity, outputs

    @contextmanager
    def running(self) -> Iterator[ModelAdapter]:
        """The adapter, loaded, and watched for as long as it runs. Exhaust what it yields before leaving."""
        assert self.identity
        with self.watch:
            self.adapter.load(self.device)
            yield self.adapter

    def run(self, sequences: Sequence[str]) -> list[Outputs]:
        """Everything the card lists, for every sequence."""
        with self.running() as adapter:
            return collect(adapter, self.given(sequences), sequences, self.layers, self.sequences[0])

    def hidden(self, sequences: Sequence[str], layers: Sequence[int]) -> list[dict[int, NDArray[np.float32]]]:
        """Hidden states in the order of the sequences."""
        with self.running() as adapter:
            return in_order(adapter.hidden_states(self.given(sequences), layers), len(sequences))

    def given(self, sequences: Sequence[str]) -> Any:
        """What the adapter is handed: the sequences, or alignments with them as queries."""
        return [aligned(s) for s in sequences] if "alignment" in self.card.capabilities else list(sequences)

    def changed(self, sequence: str, position: int, letter: str) -> str:
        return sequence[:position] + letter + sequence[position + 1 :]

    def variants(self, sequence: str, position: int) -> list[str]:
        """The sequence with every known letter of the alphabet at one position."""
        return [self.changed(sequence, position, letter) for letter in self.letters]


def collect(
    adapter: ModelAdapter, given: Any, sequences: Sequence[str], layers: Sequence[int], reference: str
) -> list[Outputs]:
    """Call every method that the card lists; the arrays of every sequence by capability and layer."""
    outputs: list[Outputs] = [{} for _ in sequences]
    has = adapter.card.capabilities

    def put(index: int, name: str, values: Any) -> None:
        if name in outputs[index]:
            raise ValueError(f"{name} of sequence {index} was returned twice")
        outputs[index][name] = np.array(values)  # a copy: attention maps are valid only during the visit

    if "hidden_states" in has:
        for index, states in adapter.hidden_states(given, layers):
            for layer, values in states.items():
                put(index, f"hidden_states {layer}", values)
    if "leading" in has:
        for index, states in adapter.hidden_states_with_leading(given, layers[-1:]):
            put(index, "leading", states[layers[-1]])
    if "attention" in has:
        adapter.visit_attention(given, lambda index, layer, maps: put(index, f"attention {layer}", maps))
    if "log_probs" in has:
        for index, values in adapter.log_probs(given, [positions_of(sequence) for sequence in sequences]):
            put(index, "log_probs", values)
    if "causal_log_probs" in has:
        for index, values in adapter.causal_log_probs(given):
            put(index, "causal_log_probs", values)
    if "pair_scores" in has:
        for index, values in adapter.pair_scores(given):
            put(index, "pair_scores", values)
    if "sequence_vectors" in has:
        for index, values in enumerate(adapter.sequence_vectors(given)):
            put(index, "sequence_vectors", values)
    if "similarity" in has:
        for index, values in enumerate(adapter.similarity([(sequence, reference) for sequence in given])):
            put(index, "similarity", values)
    names = {name for found in outputs for name in found}
    for index, found in enumerate(outputs):
        if missing := sorted(names - set(found)):
            raise ValueError(f"{missing[0]} of sequence {index} was never returned")
    return outputs


def positions_of(sequence: str) -> list[int]:
    """Where log-probabilities are asked for: both ends and the middle."""
    return sorted({0, len(sequence) // 2, len(sequence) - 1})


def in_order(found: Iterable[tuple[int, Any]], count: int) -> list[Any]:
    by_index = dict(found)
    return [by_index[index] for index in range(count)]


def difference(first: Any, second: Any) -> float:
    """Largest difference of two arrays, relative where values exceed 1; infinite where shapes differ."""
    first, second = np.asarray(first, np.float64), np.asarray(second, np.float64)
    if first.shape != second.shape:
        return float("inf")
    same = (first == second) | (np.isnan(first) & np.isnan(second))
    scale = max(1.0, float(np.max(np.abs(first), initial=0.0, where=np.isfinite(first))))
    return float(np.max(np.where(same, 0.0, np.abs(first - second)), initial=0.0)) / scale


def largest_difference(first: Sequence[Outputs], second: Sequence[Outputs]) -> tuple[float, str]:
    """Largest difference between two runs over the same sequences, and the output where it is."""
    found = [
        (difference(one[name], other[name]), name) for one, other in zip(first, second, strict=True) for name in one
    ]
    return max(found, key=lambda item: np.nan_to_num(item[0], nan=np.inf))
