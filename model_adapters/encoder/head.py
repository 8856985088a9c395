"""A language-model head's predictions per nucleotide, whatever its tokens. Imports torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from harness.sequences.pieces import Pieces
from model_adapters.encoder.entry import Architecture
from model_adapters.encoder.tokens import BASES, TokenReader

_ROWS = 256
"""Tokens that the head sees at once: a vocabulary of 6-mers has up to 15,631."""


class MaskedTokens:
    """The tokens of one sequence to mask so that none of them shows one of ``positions``."""

    def __init__(self, pieces: Pieces, positions: Sequence[int]) -> None:
        self.covering = [pieces.covering(position) for position in positions]
        self.places = [position - pieces.starts[own] for position, own in zip(positions, self.covering, strict=True)]
        self.tokens = np.unique(np.concatenate([np.empty(0, dtype=np.int64), *self.covering]))
        self.widths = (pieces.ends - pieces.starts)[self.tokens]

    def log_probs(self, marginals: NDArray[np.float64]) -> NDArray[np.float32]:
        """(positions, 4) from marginals (tokens, places, 4): of a position the mean over its tokens, normalised."""
        means = np.empty((len(self.covering), len(BASES)))
        for row, (tokens, places) in enumerate(zip(self.covering, self.places, strict=True)):
            means[row] = marginals[np.searchsorted(self.tokens, tokens), places].mean(axis=0)
        values: NDArray[np.float32] = np.log(means / means.sum(axis=1, keepdims=True)).astype(np.float32)
        return values


class LanguageModelHead:
    """The head of a loaded model: hidden states after the last layer in, bases out, in the caller's autocast."""

    def __init__(self, architecture: Architecture, module: nn.Module, reader: TokenReader) -> None:
        self.module: Any = module  # Any: the libraries are not typed
        self.reader = reader
        self.takes_outputs = architecture.library == "multimolecule" and not architecture.causal
        self._bases: dict[int, Tensor] = {}

    def marginals(self, hidden: Tensor, widths: NDArray[np.int64]) -> NDArray[np.float64]:
        """(tokens, places, 4): the probability of every base at every place of masked tokens, given (tokens, width).

        Only tokens as wide as the masked one count, out of the whole vocabulary; places beyond its width are 0.
        """
        found = np.zeros((len(widths), max(widths, default=0), len(BASES)))
        for width in {int(width) for width in widths}:
            if width not in self._bases:
                self._bases[width] = torch.from_numpy(self.reader.bases_of(width)).to(hidden.device).flatten(1)
            bases = self._bases[width]
            alike = np.flatnonzero(widths == width)
            for rows in np.array_split(alike, range(_ROWS, len(alike), _ROWS)):
                # in double precision no base that matters underflows to probability 0
                shares = self._logits(hidden[torch.from_numpy(rows)]).double().softmax(-1)[:, : len(bases)] @ bases
                found[rows, :width] = shares.reshape(len(rows), width, len(BASES)).cpu().numpy()
        return found

    def log_probs(self, hidden: Tensor) -> Tensor:
        """(tokens, 4), normalised, of a vocabulary of single letters."""
        bases = [self.reader.vocabulary[base] for base in self.reader.spelled(BASES)]
        return self._logits(hidden)[:, bases].float().log_softmax(-1)

    def every_position(self, hidden: Tensor, pieces: Pieces) -> NDArray[np.float32]:
        """(length, 4), normalised, given (tokens, width): of a position the mean over the tokens that cover it."""
        values: NDArray[np.float32]
        if pieces.single:
            values = self.log_probs(hidden).cpu().numpy()
            return values
        widths, sums = pieces.ends - pieces.starts, np.zeros((pieces.length, len(BASES)))
        marginals = self.marginals(hidden, widths)
        for place in range(int(widths.max())):
            own = widths > place
            sums[pieces.starts[own] + place] += marginals[own, place]
        values = np.log(sums / sums.sum(axis=1, keepdims=True)).astype(np.float32)
        return values

    def _logits(self, hidden: Tensor) -> Tensor:
        logits: Tensor
        logits = self.module({"last_hidden_state": hidden}).logits if self.takes_outputs else self.module(hidden)
        return logits
