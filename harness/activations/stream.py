"""Activations of a model as a seekable, shuffled stream of nucleotides, in bounded memory.

Rows are nucleotides other than N. The stream is endless: epoch after epoch, each in a new order. It is a function
of (model, sequences, layers, batch size, seed, capacity) alone, so that a resumed run sees the very same batches.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from harness.adapter import ModelAdapter
from harness.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor


def known_positions(sequence: str) -> NDArray[np.int64]:
    """Positions of a sequence that are not N."""
    return np.flatnonzero(np.frombuffer(sequence.encode(), dtype=np.uint8) != ord("N"))


@dataclass(frozen=True)
class Block:
    """Activations of some sequences: (rows, width) float32 per layer, and where each row comes from.

    ``origin`` (rows, 2) int64 holds (index of the sequence, position in it). The arrays are views into the buffer
    of the stream: valid until the next block is read.
    """

    hidden: dict[int, NDArray[np.float32]]
    origin: NDArray[np.int64]


class ActivationStream:
    """Batches of shuffled nucleotide activations of several layers.

    Where all activations fit into ``capacity_bytes`` the model runs once and every epoch is one global permutation.
    Otherwise every epoch permutes the sequences, runs the model block by block, and permutes the rows of each block.
    One block is in memory at a time, always in the same buffer.

    Args:
        model: anything with ``hidden_states``.
        sequences: upper-case strings over A C G U N.
        layers: as :meth:`ModelAdapter.hidden_states` takes them; they are the keys of the batches.
        batch_size: nucleotides per step.
        seed: of every permutation.
        capacity_bytes: largest size of a block, all layers together (one sequence at least).

    Raises:
        InputError: no sequence holds a nucleotide other than N.
    """

    def __init__(
        self,
        model: ModelAdapter,
        sequences: Sequence[str],
        layers: Sequence[int],
        batch_size: int,
        seed: int,
        capacity_bytes: int = 2**31,
    ) -> None:
        self.model = model
        self.sequences = list(sequences)
        self.layers = tuple(layers)
        self.batch_size = batch_size
        self.seed = seed
        self.capacity_bytes = capacity_bytes
        self._counts = np.array([len(s) - s.count("N") for s in self.sequences], dtype=np.int64)
        self.nucleotides = int(self._counts.sum())
        if not self.nucleotides:
            raise InputError("there are no activations to read: no sequence holds a nucleotide other than N")
        self._buffer: dict[int, NDArray[np.float32]] = {}
        self._loaded: tuple[tuple[int, ...], Block] | None = None
        self._epoch_blocks: tuple[int, list[tuple[tuple[int, ...], int]]] | None = None
        self._last_permutation: tuple[tuple[int, int], NDArray[np.int64]] | None = None

    @cached_property
    def fingerprint(self) -> str:
        """Hash of everything but the model that decides the batches."""
        settings = [self.sequences, self.layers, self.batch_size, self.seed, self._block_rows]
        return hashlib.sha256(json.dumps(settings).encode()).hexdigest()[:16]

    @cached_property
    def width(self) -> int:
        """Numbers per nucleotide and layer."""
        if self.model.card.width is not None:
            return self.model.card.width
        shortest = min((s for s in self.sequences if s.strip("N")), key=len)
        _, hidden = next(iter(self.model.hidden_states([shortest], self.layers[:1])))
        return int(hidden[self.layers[0]].shape[1])

    @cached_property
    def _block_rows(self) -> int:
        return max(1, self.capacity_bytes // (4 * self.width * len(self.layers)))

    @cached_property
    def fits(self) -> bool:
        """Whether all activations are held at once, so that the model runs only once."""
        return self.nucleotides <= self._block_rows

    def batches(self, start: int, stop: int) -> Iterator[dict[int, Tensor]]:
        """For every step from ``start`` to before ``stop``: {layer: (batch_size, width) float32}."""
        import torch

        for step in range(start, stop):
            pieces = [
                {layer: hidden[rows] for layer, hidden in self._load(sequences).hidden.items()}
                for sequences, rows in self._pieces(step)
            ]
            yield {layer: torch.from_numpy(np.concatenate([p[layer] for p in pieces])) for layer in self.layers}

    def origins(self, step: int) -> NDArray[np.int64]:
        """(batch_size, 2): index of the sequence and position in it, for every row of a step. Runs no model."""
        return np.concatenate([self._origin(sequences)[rows] for sequences, rows in self._pieces(step)])

    def blocks(self) -> Iterator[Block]:
        """Every nucleotide once, in the order of the sequences, a block at a time."""
        for sequences in self._divide(np.arange(len(self.sequences))):
            yield self._load(sequences)

    def _pieces(self, step: int) -> Iterator[tuple[tuple[int, ...], NDArray[np.int64]]]:
        """The blocks (as sequence indices), and the rows of each, that make up one step."""
        offset, missing = step * self.batch_size, self.batch_size
        epoch, offset = divmod(offset, self.nucleotides)
        while missing:
            for number, (sequences, rows) in enumerate(self._epoch(epoch)):
                if offset >= rows:
                    offset -= rows
                    continue
                taken = self._permutation(epoch, number, rows)[offset : offset + missing]
                yield sequences, taken
                offset, missing = 0, missing - len(taken)
                if not missing:
                    return
            epoch += 1

    def _epoch(self, epoch: int) -> list[tuple[tuple[int, ...], int]]:
        """Blocks of an epoch: their sequences and their number of rows."""
        if self._epoch_blocks is None or self._epoch_blocks[0] != epoch:
            order = np.arange(len(self.sequences))
            if not self.fits:
                order = np.random.default_rng([self.seed, epoch]).permutation(order)
            blocks = [(block, int(self._counts[list(block)].sum())) for block in self._divide(order)]
            self._epoch_blocks = epoch, blocks
        return self._epoch_blocks[1]

    def _permutation(self, epoch: int, number: int, rows: int) -> NDArray[np.int64]:
        key = epoch, number
        if self._last_permutation is None or self._last_permutation[0] != key:
            permutation = np.random.default_rng([self.seed, epoch, number]).permutation(rows)
            self._last_permutation = key, permutation
        return self._last_permutation[1]

    def _divide(self, order: NDArray[np.int64]) -> Iterator[tuple[int, ...]]:
        """Cut an order of the sequences into blocks under the capacity; sequences of N alone are left out."""
        block: list[int] = []
        rows = 0
        for index in order.tolist():
            count = int(self._counts[index])
            if block and rows + count > self._block_rows:
                yield tuple(block)
                block, rows = [], 0
            if count:
                block.append(index)
                rows += count
        if block:
            yield tuple(block)

    def _origin(self, sequences: tuple[int, ...]) -> NDArray[np.int64]:
        positions = [known_positions(self.sequences[index]) for index in sequences]
        return np.column_stack([np.repeat(sequences, self._counts[list(sequences)]), np.concatenate(positions)])

    def _load(self, sequences: tuple[int, ...]) -> Block:
        """Run the model over a block, unless it is the one in memory."""
        if self._loaded is None or self._loaded[0] != sequences:
            self._loaded = None  # its arrays are about to be overwritten
            origin = self._origin(sequences)
            starts = np.concatenate([[0], self._counts[list(sequences)].cumsum()])
            hidden = {layer: rows[: len(origin)] for layer, rows in self._room(len(origin)).items()}
            for index, states in self.model.hidden_states([self.sequences[i] for i in sequences], self.layers):
                known = origin[starts[index] : starts[index + 1], 1]
                for layer in self.layers:
                    hidden[layer][starts[index] : starts[index + 1]] = states[layer][known]
            self._loaded = sequences, Block(hidden, origin)
        return self._loaded[1]

    def _room(self, rows: int) -> dict[int, NDArray[np.float32]]:
        """The buffer, enlarged where a single sequence is over the capacity."""
        if not self._buffer or len(self._buffer[self.layers[0]]) < rows:
            rows = max(rows, min(self._block_rows, self.nucleotides))
            self._buffer = {layer: np.empty((rows, self.width), dtype=np.float32) for layer in self.layers}
        return self._buffer
