"""Activations of chosen sequences, read from a model. Nothing here shuffles: see :mod:`harness.activations.stream`.

Rows are nucleotides other than N, in the order of the sequences that were asked for.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.adapter import ModelAdapter
from harness.errors import InputError
from harness.sequences.alignment import ModelInput, sequence_of


def known_positions(sequence: str) -> NDArray[np.int64]:
    """Positions of a sequence that are not N."""
    return np.flatnonzero(np.frombuffer(sequence.encode(), dtype=np.uint8) != ord("N"))


@dataclass(frozen=True)
class Block:
    """Activations of some sequences: (rows, width) float32 per layer, and where each row comes from.

    ``origin`` (rows, 2) int64 holds (index of the sequence, position in it). The arrays are views into the buffer
    of the reader: valid until it reads again.
    """

    hidden: dict[int, NDArray[np.float32]]
    origin: NDArray[np.int64]


class ModelReader:
    """Runs a model over the sequences of a block; the latest block stays in memory, always in the same buffer.

    Args:
        model: anything with ``hidden_states``.
        inputs: what the model reads: upper-case strings over A C G U N, or alignments with such queries.
        layers: as :meth:`ModelAdapter.hidden_states` takes them; they are the keys of the blocks.

    ``on_sequence``, where it is set, is called after every sequence that the model has read.

    Raises:
        InputError: no sequence contains a nucleotide other than N.
    """

    def __init__(self, model: ModelAdapter, inputs: Sequence[ModelInput], layers: Sequence[int]) -> None:
        self.model = model
        self.inputs = list(inputs)
        self.sequences = [sequence_of(given) for given in self.inputs]
        self.layers = tuple(layers)
        self.counts = np.array([len(s) - s.count("N") for s in self.sequences], dtype=np.int64)
        """Rows of every sequence, (sequences,)."""
        if not self.counts.sum():
            raise InputError("there are no activations to read: no sequence contains a nucleotide other than N")
        self.on_sequence: Callable[[], None] | None = None
        self._buffer: dict[int, NDArray[np.float32]] = {}
        self._latest: tuple[tuple[int, ...], Block] | None = None

    @cached_property
    def fingerprint(self) -> str:
        """Hash of everything but the model that decides what is read."""
        rows = [given if isinstance(given, str) else given.rows for given in self.inputs]
        return hashlib.sha256(json.dumps([rows, self.layers]).encode()).hexdigest()[:16]

    @cached_property
    def width(self) -> int:
        """Numbers per nucleotide and layer."""
        if self.model.card.width is not None:
            return self.model.card.width
        rows = np.where(self.counts > 0, [len(sequence) for sequence in self.sequences], np.iinfo(np.int64).max)
        _, hidden = next(iter(self._states([int(rows.argmin())], self.layers[:1])))
        return int(hidden[self.layers[0]].shape[1])

    def origin(self, sequences: Sequence[int]) -> NDArray[np.int64]:
        """(rows, 2) int64 of a block of these sequences; runs no model."""
        positions = [known_positions(self.sequences[index]) for index in sequences]
        return np.column_stack([np.repeat(sequences, self.counts[list(sequences)]), np.concatenate(positions)])

    def read(self, sequences: tuple[int, ...], room: int) -> Block:
        """The block of these sequences, from memory where it is the latest one.

        ``room`` is the number of rows that the buffer is made for, enlarged where the block has more.
        """
        if self._latest is None or self._latest[0] != sequences:
            self._latest = None  # its arrays are about to be overwritten
            origin = self.origin(sequences)
            starts = np.concatenate([[0], self.counts[list(sequences)].cumsum()])
            hidden = {layer: rows[: len(origin)] for layer, rows in self._room(len(origin), room).items()}
            for index, states in self._states(sequences, self.layers):
                known = origin[starts[index] : starts[index + 1], 1]
                for layer in self.layers:
                    hidden[layer][starts[index] : starts[index + 1]] = states[layer][known]
                if self.on_sequence is not None:
                    self.on_sequence()
            self._latest = sequences, Block(hidden, origin)
        return self._latest[1]

    def _states(
        self, sequences: Sequence[int], layers: Sequence[int]
    ) -> Iterator[tuple[int, dict[int, NDArray[np.float32]]]]:
        given: Any = [self.inputs[index] for index in sequences]
        return self.model.hidden_states(given, layers)

    def _room(self, rows: int, room: int) -> dict[int, NDArray[np.float32]]:
        if not self._buffer or len(self._buffer[self.layers[0]]) < rows:
            size = max(rows, room)
            self._buffer = {layer: np.empty((size, self.width), dtype=np.float32) for layer in self.layers}
        return self._buffer
