"""Activations as a seekable, shuffled stream of nucleotides, in bounded memory.

The stream is endless: epoch after epoch, each in a new order. It is a function of (what is read, batch size, seed,
capacity) alone, so that a resumed run sees the very same batches.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from harness.activations.reader import Block, ModelReader

if TYPE_CHECKING:
    from torch import Tensor


class ActivationStream:
    """Batches of shuffled nucleotide activations of several layers.

    Where all activations fit into ``capacity_bytes`` everything is read once and every epoch is one global permutation.
    Otherwise every epoch permutes the sequences, reads block by block, and permutes the rows of each block. One block
    is in memory at a time.

    Args:
        reader: gives the activations of chosen sequences.
        batch_size: nucleotides per step.
        seed: of every permutation.
        capacity_bytes: largest size of a block, all layers together (one sequence at least).
    """

    def __init__(self, reader: ModelReader, batch_size: int, seed: int, capacity_bytes: int = 2**31) -> None:
        self.reader = reader
        self.layers = reader.layers
        self.batch_size = batch_size
        self.seed = seed
        self.capacity_bytes = capacity_bytes
        self.nucleotides = int(reader.counts.sum())
        self._epoch_blocks: tuple[int, list[tuple[tuple[int, ...], int]]] | None = None
        self._last_permutation: tuple[tuple[int, int], NDArray[np.int64]] | None = None

    @cached_property
    def fingerprint(self) -> str:
        """Hash of everything but the model that decides the batches."""
        settings = [self.reader.fingerprint, self.batch_size, self.seed, self._block_rows]
        return hashlib.sha256(json.dumps(settings).encode()).hexdigest()[:16]

    @property
    def width(self) -> int:
        """Numbers per nucleotide and layer."""
        return self.reader.width

    @property
    def longest(self) -> int:
        """Nucleotides of the longest sequence."""
        return max(map(len, self.reader.sequences))

    @cached_property
    def _block_rows(self) -> int:
        return max(1, self.capacity_bytes // (4 * self.width * len(self.layers)))

    @cached_property
    def fits(self) -> bool:
        """Whether all activations are held at once, so that they are read only once."""
        return self.nucleotides <= self._block_rows

    def batches(self, start: int, stop: int) -> Iterator[dict[int, Tensor]]:
        """For every step from ``start`` to before ``stop``: {layer: (batch_size, width) float32}."""
        import torch

        for step in range(start, stop):
            pieces = [
                {layer: hidden[rows] for layer, hidden in self._read(sequences).hidden.items()}
                for sequences, rows in self._pieces(step)
            ]
            yield {layer: torch.from_numpy(np.concatenate([p[layer] for p in pieces])) for layer in self.layers}

    def origins(self, step: int) -> NDArray[np.int64]:
        """(batch_size, 2): index of the sequence and position in it, for every row of a step. Runs no model."""
        return np.concatenate([self.reader.origin(sequences)[rows] for sequences, rows in self._pieces(step)])

    def blocks(self) -> Iterator[Block]:
        """Every nucleotide once, in the order of the sequences, a block at a time."""
        for sequences in self._divide(np.arange(len(self.reader.sequences))):
            yield self._read(sequences)

    def _read(self, sequences: tuple[int, ...]) -> Block:
        return self.reader.read(sequences, min(self._block_rows, self.nucleotides))

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
            order = np.arange(len(self.reader.sequences))
            if not self.fits:
                order = np.random.default_rng([self.seed, epoch]).permutation(order)
            blocks = [(block, int(self.reader.counts[list(block)].sum())) for block in self._divide(order)]
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
            count = int(self.reader.counts[index])
            if block and rows + count > self._block_rows:
                yield tuple(block)
                block, rows = [], 0
            if count:
                block.append(index)
                rows += count
        if block:
            yield tuple(block)
