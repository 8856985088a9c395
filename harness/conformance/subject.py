"""The model under test: built once, and run over standard sequences whose outputs the laws share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.adapter import ModelAdapter, ModelCard, ModelFactory, ModelOptions
from harness.conformance.guards import Watch
from harness.conformance.sequences import aligned, letters_of, probe_sequence, standard_sequences
from harness.errors import HarnessError

TOLERANCE = 1e-5
"""Largest difference that float32 rounding explains, relative to the largest value of an array where that exceeds 1."""

PROBES = 16
"""Positions of the probe that are changed one at a time."""

Profiles = NDArray[np.float64]
"""(probes, length): how much changes at each nucleotide when one is changed."""

Outputs = dict[str, NDArray[np.float32]]
"""All that an adapter says of one sequence, by the name of the capability and the layer."""


class NotJudged(Exception):
    """A law cannot speak, because of a fault that another law names."""


class Subject:
    """An adapter, its card, the sequences it is tried on, and everything it returns for them."""

    def __init__(self, make: ModelFactory, device: str = "cpu", weights: Path | None = None) -> None:
        self.make = make
        self.device = device
        self.options = ModelOptions(weights=weights)
        self.adapter: ModelAdapter = make(self.options)
        self.card: ModelCard = self.adapter.card
        self.letters, self.unknown = letters_of(self.card)
        self.sequences = standard_sequences(self.card)
        """Mixed lengths, longest first, without unknown letters."""
        self.probe = probe_sequence(self.card)
        """A sequence for changes of single letters."""
        self.watch = Watch()
        self.errors: dict[str, str] = {}
        """What the adapter raised, and the law that met it first."""

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
        """Computing it finds, and may fetch, the weights: the only time when the network may be used."""
        return self.adapter.identity()

    @cached_property
    def outputs(self) -> list[Outputs]:
        """What the adapter says of the standard sequences."""
        return self.run(self.sequences)

    @cached_property
    def low_precision(self) -> tuple[str, list[Outputs]]:
        """Identity and outputs of the same model asked to run in bfloat16."""
        return self.told_by(self.make(replace(self.options, dtype="bfloat16")), self.sequences)

    def told_by(self, other: ModelAdapter, sequences: Sequence[str]) -> tuple[str, list[Outputs]]:
        """Identity and outputs of another adapter, which is loaded for that alone."""
        self.adapter.unload()  # two large models at once may not fit
        identity = other.identity()
        with self.watch:
            other.load(self.device)
            outputs = collect(other, self.given(sequences), sequences, self.layers, self.sequences[0])
        other.unload()
        return identity, outputs

    @property
    def folder(self) -> Path | None:
        """Where the model's weights lie; None where it has no files, as a random twin, or does not say."""
        if self.card.role != "model":
            return None
        return self.options.weights or self.adapter.weights_folder()

    @cached_property
    def unread_letters(self) -> dict[str, str]:
        """Letters at which the adapter breaks down, and the error that it raises."""
        found = {}
        for letter in (*self.letters, self.unknown):
            alone = letter * len(self.probe)
            try:
                with self.running() as adapter:
                    collect(adapter, self.given([alone]), [alone], self.layers, alone)
            except HarnessError:  # a refusal in plain words
                continue
            except Exception as error:
                found[letter] = said_by(error)
        return found

    @cached_property
    def one_change_each(self) -> tuple[list[str], list[int]]:
        """The probe, then the probe with one nucleotide changed at a time; and where."""
        last = len(self.probe) - 1
        positions = sorted({round(position) for position in np.linspace(0, last, PROBES).tolist()})
        turned = dict(zip(self.letters, self.letters[1:] + self.letters[:1], strict=True))
        changed = [self.changed(self.probe, position, turned[self.probe[position]]) for position in positions]
        return [self.probe, *changed], positions

    @cached_property
    def changes(self) -> list[Profiles]:
        """By layer: the root mean square of what each nucleotide's hidden state changes by, for one change each."""
        sequences, _ = self.one_change_each
        plain, *others = self.hidden(sequences, range((self.card.layers or 0) + 1))
        return [
            np.sqrt(np.mean([(states[layer] - before) ** 2 for states in others], axis=2, dtype=np.float64))
            for layer, before in plain.items()
        ]

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
        """Hidden states in the order of the sequences.

        Raises:
            NotJudged: there are not as many rows as nucleotides.
        """
        with self.running() as adapter:
            found = in_order(adapter.hidden_states(self.given(sequences), layers), len(sequences))
        for sequence, states in zip(sequences, found, strict=True):
            for layer, values in states.items():
                if len(values) != len(sequence):
                    raise NotJudged(f"layer {layer} has {len(values)} rows for {len(sequence)} nt: see length")
        return found

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
    if "unmasked_log_probs" in has:
        for index, values in adapter.unmasked_log_probs(given):
            put(index, "unmasked_log_probs", values)
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


def said_by(error: Exception) -> str:
    """Type and text of an error on one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())


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
