"""Passes of a model over select and test: states of the nucleotides that choose, values of chosen features."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import scipy.sparse
from numpy.typing import NDArray

from harness.adapter import ModelAdapter
from harness.progress import Progress
from harness.sequences.alignment import ModelInput
from harness.storage.kept import Arrays
from tasks.sae.concepts.membership import Integers, columns
from tasks.sae.sequence_scores import States
from tasks.sae.sources.base import Features, LetterSource, StateSource
from tasks.sae_structure.choices import Entry
from tasks.sae_structure.nucleotides import Nucleotides


@dataclass(frozen=True)
class Passes:
    """What is read: the RNAs of select, of which some nucleotides choose, and those of test.

    Memory: rows that choose x width x 4 bytes per layer, and test nucleotides x chosen features (8 per element at
    most, about 20 in all) x 4 bytes per source and seed. Codes of whole RNAs live for one RNA.
    """

    select: Nucleotides
    test: Nucleotides
    select_inputs: Sequence[ModelInput]
    test_inputs: Sequence[ModelInput]
    choosing: Integers
    progress: Progress

    def select_states(self, model: ModelAdapter, layers: Sequence[int], label: str) -> Arrays:
        """Hidden states of the nucleotides that choose, "states LAYER" -> (rows, width)."""
        found: dict[int, NDArray[np.float32]] = {}

        def keep(index: int, hidden: States) -> None:
            start, end = self.select.starts[index : index + 2]
            first, last = np.searchsorted(self.choosing, [start, end])
            own = self.choosing[first:last] - start
            for layer, states in hidden.items():
                if layer not in found:
                    found[layer] = np.empty((len(self.choosing), states.shape[1]), dtype=np.float32)
                found[layer][first:last] = states[own]

        self._read(model, layers, self.select, self.select_inputs, label, keep)
        return {f"states {layer}": states for layer, states in found.items()}

    def test_values(
        self,
        model: ModelAdapter,
        layers: Sequence[int],
        entries: Sequence[Entry],
        label: str,
        observe: Callable[[int, States], None] | None = None,
    ) -> Arrays:
        """Scores of the chosen features on test, "values NUMBER" -> (nucleotides, chosen features) of each entry.

        Args:
            observe: called with the states of every RNA, for whatever else is measured in the same pass.
        """
        found = [np.empty((len(self.test.rna), len(entry.columns)), dtype=np.float32) for entry in entries]

        def keep(index: int, hidden: States) -> None:
            rows = slice(*self.test.starts[index : index + 2])
            for entry, values in zip(entries, found, strict=True):
                source = cast(StateSource, entry.source)
                values[rows] = columns(source.encode(hidden[cast(int, entry.layer)]), entry.columns)
            if observe is not None:
                observe(index, hidden)

        self._read(model, layers, self.test, self.test_inputs, label, keep)
        return {f"values {number}": values for number, values in enumerate(found)}

    def _read(
        self,
        model: ModelAdapter,
        layers: Sequence[int],
        nucleotides: Nucleotides,
        inputs: Sequence[ModelInput],
        label: str,
        keep: Callable[[int, States], None],
    ) -> None:
        given: Any = inputs
        with self.progress.track(label, len(inputs)) as advance:
            for done, (index, states) in enumerate(model.hidden_states(given, layers), 1):
                known = nucleotides.position[slice(*nucleotides.starts[index : index + 2])]
                keep(index, {layer: states[layer][known] for layer in layers})
                advance(done)

    def letters_of_select(self, source: LetterSource) -> Features:
        """(choosing rows, features) of a source that needs no model."""
        parts: list[Any] = []
        for index, record in enumerate(self.select.records):
            start, end = self.select.starts[index : index + 2]
            first, last = np.searchsorted(self.choosing, [start, end])
            parts.append(source.encode(record.sequence)[self.select.position[self.choosing[first:last]]])
        if scipy.sparse.issparse(parts[0]):
            return scipy.sparse.csr_array(scipy.sparse.vstack(parts))
        return np.concatenate(parts)

    def letters_of_test(self, entry: Entry) -> NDArray[np.float32]:
        """(test nucleotides, chosen features)."""
        source, parts = cast(LetterSource, entry.source), []
        for index, record in enumerate(self.test.records):
            known = self.test.position[slice(*self.test.starts[index : index + 2])]
            parts.append(columns(source.encode(record.sequence), entry.columns)[known])
        return np.concatenate(parts).astype(np.float32)
