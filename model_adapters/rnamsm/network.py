"""Forward passes of RNA-MSM over one alignment. Imports torch: load it only when a model runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from harness.sequences.alignment import Alignment
from harness.sequences.pieces import Pieces
from model_adapters.encoder.entry import Entry
from model_adapters.encoder.head import MaskedTokens
from model_adapters.encoder.hooks import Enough, Hook
from model_adapters.encoder.network import Network
from model_adapters.encoder.tokens import TokenReader

COLUMN_CELLS = 2**24
"""Column-attention probabilities (heads · columns · depth²) that are in memory at once."""


class AlignmentNetwork(Network):
    """A loaded RNA-MSM. One alignment per pass: padding in depth would change its numbers."""

    def __init__(self, entry: Entry, model: nn.Module, reader: TokenReader, device: torch.device, dtype: str) -> None:
        # the authors' reader turned every unknown letter, N included, into X before training
        vocabulary = {**reader.vocabulary, "N": reader.vocabulary["X"]}
        reader = replace(reader, vocabulary=vocabulary, letters=reader.letters + "-")
        super().__init__(entry, model, reader, device, dtype)
        blocks: list[Any] = self.blocks
        for block in blocks:
            attention = block.column_self_attention.layer
            attention.forward = partial(_column_attention, attention)

    def query_states(self, alignment: Alignment, layers: Mapping[int, int]) -> dict[int, NDArray[np.float32]]:
        """Hidden states (length, width) of the query; ``layers`` maps numbers as asked for to layers."""
        rows = [self.reader.read(row) for row in _query_columns(alignment)]
        span = self._span(rows[0])
        top = max(layers.values(), default=0)
        captured: dict[int, NDArray[np.float32]] = {}

        def recorder(layer: int) -> Hook:
            def record(module: nn.Module, arguments: Any, output: Any) -> None:
                hidden = output[0] if isinstance(output, tuple) else output
                # embeddings are (1, depth, columns, width), everything after them (depth, columns, 1, width)
                query = hidden[0, 0] if layer == 0 else hidden[0, :, 0]
                captured[layer] = query[span].float().cpu().numpy()
                if layer == top:
                    raise Enough

            return record

        with suppress(Enough):
            self._forward(rows, {self.sites[layer]: [recorder(layer)] for layer in set(layers.values())})
        return {asked: captured[layer] for asked, layer in layers.items()}

    def visit_row_attention(
        self, index: int, alignment: Alignment, visit: Callable[[int, int, NDArray[np.float32]], None]
    ) -> None:
        """Call ``visit(index, layer, maps)`` with tied row attention (heads, length, length), one layer at a time."""
        rows = [self.reader.read(row) for row in _query_columns(alignment)]
        span = self._span(rows[0])

        def visitor(layer: int) -> Hook:
            def show(module: nn.Module, arguments: Any, output: Any) -> None:
                maps: Tensor = output[-1]  # (heads, 1, columns, columns)
                visit(index, layer, maps[:, 0, span, span].float().cpu().contiguous().numpy())
                if layer == len(self.blocks):
                    raise Enough

            return show

        with suppress(Enough):
            self._forward(rows, {module: [visitor(layer)] for layer, module in enumerate(self.attentions, start=1)})

    def _tokens(self, pieces: Sequence[Pieces], masked: Sequence[MaskedTokens] | None) -> tuple[Tensor, Tensor]:
        """The rows of one alignment as a batch of one: (1, depth, columns)."""
        tokens, visible = super()._tokens(pieces, masked)
        return tokens[None], visible[None]


def _query_columns(alignment: Alignment) -> list[str]:
    columns = alignment.query_columns
    return ["".join(row[column] for column in columns) for row in alignment.rows]


def _column_attention(attention: Any, hidden: Tensor, **masks: Any) -> tuple[Tensor]:
    """The library's column attention some columns at a time, without the probabilities, which nothing reads.

    It would keep heads · columns · depth² of them: 5 GB for 400 nt and 512 sequences. Nothing is padded in a pass over
    one alignment, so there is nothing to mask.
    """
    depth, columns = hidden.shape[:2]
    step = max(1, COLUMN_CELLS // (attention.num_attention_heads * depth**2))
    parts = [attention.compute_attention_update(hidden[:, i : i + step])[0] for i in range(0, columns, step)]
    return (torch.cat(parts, dim=1),)
