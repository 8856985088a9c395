"""Passes over select and test: the strongest activation of every sequence, and activations at sites."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

import numpy as np
import scipy.sparse
from numpy.typing import NDArray

from harness.activations.reader import known_positions
from harness.adapter import ModelAdapter
from harness.progress import Progress
from harness.sequences.alignment import ModelInput, sequence_of
from harness.storage.kept import Arrays
from tasks.sae.concepts.membership import Integers
from tasks.sae.sequence_scores import States
from tasks.sae.sources.base import Features, LetterSource, StateSource
from tasks.sae_motifs.choices import Entry

AROUND = 2
"""An activation counts for a site where it lies within so many nucleotides of its place."""
BLOCK_ROWS = 2048

ScoredSplit = Literal["select", "test"]


@dataclass(frozen=True)
class Readable:
    """Some sequences as a model reads them, and the nucleotides of each that are not N."""

    inputs: Sequence[ModelInput]
    sequences: list[str]
    known: list[Integers]

    @classmethod
    def of(cls, inputs: Sequence[ModelInput]) -> Readable:
        sequences = [sequence_of(given) for given in inputs]
        return cls(inputs, sequences, [known_positions(sequence) for sequence in sequences])

    def blocks(
        self, model: ModelAdapter, layers: Sequence[int], progress: Progress, label: str
    ) -> Iterator[tuple[dict[int, slice], States]]:
        """Some sequences at a time, since encoding many rows at once is faster: the rows of each by its number, and
        layer -> (rows, width) of their known nucleotides."""
        given: Any = self.inputs
        waiting: dict[int, States] = {}
        rows = 0
        with progress.track(label, len(self.inputs)) as advance:
            for done, (index, states) in enumerate(model.hidden_states(given, layers), 1):
                waiting[index] = {layer: states[layer][self.known[index]] for layer in layers}
                rows += len(self.known[index])
                if rows >= BLOCK_ROWS or done == len(self.inputs):
                    yield self._joined(waiting, layers)
                    waiting, rows = {}, 0
                advance(done)

    def _joined(self, waiting: Mapping[int, States], layers: Sequence[int]) -> tuple[dict[int, slice], States]:
        ends = np.cumsum([len(self.known[index]) for index in waiting]).tolist()
        own = {index: slice(end - len(self.known[index]), end) for index, end in zip(waiting, ends, strict=True)}
        return own, {layer: np.concatenate([states[layer] for states in waiting.values()]) for layer in layers}


@dataclass(frozen=True)
class SitePlaces:
    """Where the claims of an entry say that it is active: ``centres`` (claims, sequences), -1 where there is no site,
    of the columns ``features`` (claims,)."""

    features: Integers
    centres: Integers


@dataclass(frozen=True)
class Passes:
    """Sequences of select and of test, each with its dinucleotide shuffles in the same order.

    Memory: select sequences x features x 10 bytes per source and seed, and sequences x claims x 8 bytes.
    """

    progress: Progress
    select: Readable
    select_shuffled: Readable
    test: Readable
    test_shuffled: Readable

    def of(self, split: ScoredSplit) -> tuple[Readable, Readable]:
        """The sequences of a split, and their shuffles."""
        return (self.select, self.select_shuffled) if split == "select" else (self.test, self.test_shuffled)

    def maxima(self, model: ModelAdapter, layers: Sequence[int], entries: Sequence[Entry], label: str) -> Arrays:
        """Of select, by number of the entry: "maxima N" and "places N" (sequences, features), "shuffled N"."""
        found: dict[str, NDArray[Any]] = {}
        for number, entry in enumerate(entries):
            found |= _room(number, len(self.select.inputs), entry.source.features)
        for readable, shuffled in ((self.select, False), (self.select_shuffled, True)):
            what = f"{label} {'shuffled ' if shuffled else ''}select"
            for rows, hidden in readable.blocks(model, layers, self.progress, what):
                for number, entry in enumerate(entries):
                    source, layer = cast(StateSource, entry.source), cast(int, entry.layer)
                    code = _dense(source.encode(hidden[layer]))
                    for index, own in rows.items():
                        _put(found, number, index, code[own], readable.known[index], shuffled)
        return found

    def letter_maxima(self, source: LetterSource) -> Arrays:
        """The same of one source that needs no model, as entry 0."""
        found = _room(0, len(self.select.inputs), source.features)
        for readable, shuffled in ((self.select, False), (self.select_shuffled, True)):
            for index, (sequence, known) in enumerate(zip(readable.sequences, readable.known, strict=True)):
                _put(found, 0, index, _dense(source.encode(sequence)[known]), known, shuffled)
        return found

    def values(
        self,
        model: ModelAdapter,
        layers: Sequence[int],
        entries: Sequence[Entry],
        places: Sequence[SitePlaces],
        label: str,
        split: ScoredSplit,
        observe: Callable[[int, States], None],
    ) -> Arrays:
        """By number of the entry: "values N" (claims, sequences, 2) at sites, real and shuffled, and "peaks N"
        (sequences, 2) of the peak feature.

        Args:
            observe: called with the states of every sequence that is not shuffled.
        """
        found: dict[str, NDArray[Any]] = {}
        for number, own in enumerate(places):
            found |= _value_room(number, own, len(self.of(split)[0].inputs))
        for column, readable in enumerate(self.of(split)):
            for rows, hidden in readable.blocks(model, layers, self.progress, f"{label} {split} {column + 1}/2"):
                for number, (entry, own) in enumerate(zip(entries, places, strict=True)):
                    source, layer = cast(StateSource, entry.source), cast(int, entry.layer)
                    code = _dense(source.encode(hidden[layer]))
                    for index, part in rows.items():
                        _put_values(found, number, entry, own, index, column, code[part], readable)
                if column == 0:
                    for index, part in rows.items():
                        observe(index, {layer: states[part] for layer, states in hidden.items()})
        return found

    def letter_values(self, entry: Entry, places: SitePlaces, split: ScoredSplit) -> Arrays:
        """The same of one entry whose source needs no model, as entry 0."""
        source = cast(LetterSource, entry.source)
        found = _value_room(0, places, len(self.of(split)[0].inputs))
        for column, readable in enumerate(self.of(split)):
            for index, (sequence, known) in enumerate(zip(readable.sequences, readable.known, strict=True)):
                code = _dense(source.encode(sequence)[known])
                _put_values(found, 0, entry, places, index, column, code, readable)
        return found


def _room(number: int, sequences: int, features: int) -> dict[str, NDArray[Any]]:
    shape = sequences, features
    return {
        f"maxima {number}": np.zeros(shape, dtype=np.float32),
        f"places {number}": np.zeros(shape, dtype=np.int16),
        f"shuffled {number}": np.zeros(shape, dtype=np.float32),
    }


def _value_room(number: int, places: SitePlaces, sequences: int) -> dict[str, NDArray[Any]]:
    return {
        f"values {number}": np.full((len(places.features), sequences, 2), np.nan, dtype=np.float32),
        f"peaks {number}": np.zeros((sequences, 2), dtype=np.float32),
    }


def _dense(code: Features) -> NDArray[np.float32]:
    return np.asarray(code.toarray() if scipy.sparse.issparse(code) else code, dtype=np.float32)


def _put(
    found: dict[str, NDArray[Any]],
    number: int,
    index: int,
    code: NDArray[np.float32],
    known: Integers,
    shuffled: bool,
) -> None:
    if shuffled:
        found[f"shuffled {number}"][index] = code.max(axis=0)
        return
    first = code.argmax(axis=0)
    found[f"maxima {number}"][index] = code[first, np.arange(code.shape[1])]
    found[f"places {number}"][index] = known[first]


def _put_values(
    found: dict[str, NDArray[Any]],
    number: int,
    entry: Entry,
    places: SitePlaces,
    index: int,
    column: int,
    code: NDArray[np.float32],
    readable: Readable,
) -> None:
    assert entry.peak is not None
    found[f"peaks {number}"][index, column] = code[:, entry.peak.feature].max() * entry.peak.sign[0]
    here = np.flatnonzero(places.centres[:, index] >= 0)
    if len(here):
        columns, which = np.unique(places.features[here], return_inverse=True)
        known = readable.known[index]
        full = np.full((len(readable.sequences[index]) + 2 * AROUND, len(columns)), -np.inf, dtype=np.float32)
        full[known + AROUND] = code[:, columns]
        windows = places.centres[here, index][:, None] + np.arange(2 * AROUND + 1)
        values = full[windows, which[:, None]].max(axis=1)
        found[f"values {number}"][here, index, column] = np.where(np.isfinite(values), values, np.nan)
