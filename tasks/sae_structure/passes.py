"""Passes of a model over select and test: states of the nucleotides that choose, values of chosen features."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import scipy.sparse
from numpy.typing import NDArray

from harness.activations.reader import known_positions
from harness.adapter import ModelAdapter
from harness.progress import Progress
from harness.sequences.alignment import ModelInput, sequence_of
from harness.storage.kept import Arrays
from tasks.sae.concepts.membership import Integers, columns
from tasks.sae.sequence_scores import States
from tasks.sae.sources.base import Features, LetterSource, StateSource
from tasks.sae_structure.choices import Entry


@dataclass(frozen=True)
class Readable:
    """Some RNAs as a model reads them, and the nucleotides of each that are not N.

    Their rows follow each other RNA by RNA; ``starts`` (RNAs + 1,) is where those of each begin.
    """

    inputs: Sequence[ModelInput]
    sequences: list[str]
    known: list[Integers]
    starts: Integers

    @classmethod
    def of(cls, inputs: Sequence[ModelInput]) -> Readable:
        sequences = [sequence_of(given) for given in inputs]
        known = [known_positions(sequence) for sequence in sequences]
        return cls(inputs, sequences, known, np.cumsum([0, *map(len, known)]))

    def states(
        self, model: ModelAdapter, layers: Sequence[int], advance: Callable[[int], None]
    ) -> Iterator[tuple[int, slice, States]]:
        """(RNA, its rows, their states), in the order in which the model gives them."""
        given: Any = self.inputs
        for done, (index, states) in enumerate(model.hidden_states(given, layers), 1):
            hidden = {layer: states[layer][self.known[index]] for layer in layers}
            yield index, slice(*self.starts[index : index + 2]), hidden
            advance(done)


@dataclass(frozen=True)
class Passes:
    """What is read: RNAs of select, of which the nucleotides ``choosing`` choose, those of test, and shuffled ones.

    Memory: rows that choose x width x 4 bytes per layer, and test nucleotides x chosen features (three per element at
    most) x 4 bytes per source and seed. Codes of whole RNAs live for one RNA.
    """

    select: Readable
    choosing: Integers
    test: Readable
    shuffled: Readable
    progress: Progress

    def select_states(self, model: ModelAdapter, layers: Sequence[int], label: str) -> Arrays:
        """Hidden states of the nucleotides that choose, "states LAYER" -> (rows, width)."""
        found: dict[int, NDArray[np.float32]] = {}
        with self.progress.track(label, len(self.select.inputs)) as advance:
            for _, rows, hidden in self.select.states(model, layers, advance):
                place = slice(*np.searchsorted(self.choosing, [rows.start, rows.stop]))
                for layer, states in hidden.items():
                    if layer not in found:
                        found[layer] = np.empty((len(self.choosing), states.shape[1]), dtype=np.float32)
                    found[layer][place] = states[self.choosing[place] - rows.start]
        return {f"states {layer}": states for layer, states in found.items()}

    def values(
        self,
        model: ModelAdapter,
        layers: Sequence[int],
        entries: Sequence[Entry],
        label: str,
        observe: Callable[[int, States], None],
    ) -> Arrays:
        """Scores of the chosen features, (nucleotides, chosen features) of each entry: on test as "values NUMBER", and
        on shuffled RNAs as "shuffled NUMBER".

        Args:
            observe: called with the states of every test RNA, for whatever else is measured in the same pass.
        """
        found: dict[str, NDArray[Any]] = {}
        for kind, readable in (("values", self.test), ("shuffled", self.shuffled)):
            own = [np.empty((readable.starts[-1], len(entry.columns)), dtype=np.float32) for entry in entries]
            with self.progress.track(f"{label} {kind}", len(readable.inputs)) as advance:
                for index, rows, hidden in readable.states(model, layers, advance):
                    for entry, values in zip(entries, own, strict=True):
                        source, layer = cast(StateSource, entry.source), cast(int, entry.layer)
                        values[rows] = columns(source.encode(hidden[layer]), entry.columns)
                    if kind == "values":
                        observe(index, hidden)
            found |= {f"{kind} {number}": values for number, values in enumerate(own)}
        return found

    def letters_of_select(self, source: LetterSource) -> Features:
        """(choosing rows, features) of a source that needs no model."""
        parts: list[Any] = []
        for index, sequence in enumerate(self.select.sequences):
            start, end = self.select.starts[index : index + 2]
            own = self.choosing[slice(*np.searchsorted(self.choosing, [start, end]))] - start
            parts.append(source.encode(sequence)[self.select.known[index][own]])
        if scipy.sparse.issparse(parts[0]):
            return scipy.sparse.csr_array(scipy.sparse.vstack(parts))
        return np.concatenate(parts)

    def fill_letters(self, entry: Entry) -> None:
        """The scores of an entry whose source needs no model."""
        source = cast(LetterSource, entry.source)
        entry.values, entry.shuffled = (
            np.concatenate(
                [
                    columns(source.encode(sequence), entry.columns)[known]
                    for sequence, known in zip(readable.sequences, readable.known, strict=True)
                ]
            ).astype(np.float32)
            for readable in (self.test, self.shuffled)
        )
