"""Tokens and the nucleotides that they cover: turn coarser tokens into per-nucleotide arrays.

A nucleotide gets the mean of the tokens that cover it. Attention A between tokens becomes P A R between nucleotides,
with P the :attr:`Pieces.coverage` and R the :attr:`Pieces.reading`, so that rows keep their sums.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Pieces:
    """The tokens of one sequence but for special ones: token t covers nucleotides ``starts[t]`` to ``ends[t]`` - 1.

    ``ids`` (token numbers), ``starts`` and ``ends`` are (tokens,) int64 in the order of the sequence, which has
    ``length`` nucleotides. Every nucleotide is covered by one token or more.
    """

    length: int
    ids: NDArray[np.int64]
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]

    @cached_property
    def single(self) -> bool:
        """Whether every nucleotide has a token of its own."""
        return bool((self.ends - self.starts == 1).all())

    @cached_property
    def coverage(self) -> NDArray[np.float32]:
        """P, (length, tokens) float32: the share of each token in each nucleotide; its rows sum to 1."""
        nucleotides = np.arange(self.length)[:, None]
        covered = (self.starts <= nucleotides) & (nucleotides < self.ends)
        shares: NDArray[np.float32] = covered.astype(np.float32) / covered.sum(axis=1, keepdims=True, dtype=np.float32)
        return shares

    @property
    def groups(self) -> NDArray[np.int64]:
        """(length,) ascending: equal numbers for nucleotides that the very same tokens cover."""
        places = np.arange(self.length)
        first = np.searchsorted(self.ends, places, side="right")
        last = np.searchsorted(self.starts, places, side="right")
        return np.unique(first * (len(self.ids) + 1) + last, return_inverse=True)[1].astype(np.int64)

    @property
    def reading(self) -> NDArray[np.float32]:
        """R, (tokens, length) float32: how a token's share of attention is spread over nucleotides; rows sum to 1."""
        coverage = self.coverage
        return (coverage / coverage.sum(axis=0)).T

    def covering(self, position: int) -> NDArray[np.int64]:
        """The tokens that cover a nucleotide."""
        return np.flatnonzero((self.starts <= position) & (position < self.ends))

    def spread(self, states: NDArray[np.float32]) -> NDArray[np.float32]:
        """(tokens, width) to (length, width): the mean of the tokens that cover a nucleotide."""
        return states.copy() if self.single else self.coverage @ states
