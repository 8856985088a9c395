"""One way to the pair scores of any model: attention heads one layer at a time, or scores of the model's own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from harness.adapter import ModelAdapter
from harness.datasets.alignments import model_inputs
from harness.errors import HarnessError
from harness.task import CellContext
from tasks.structure.data import Rna
from tasks.structure.maps import Scores, pair_probabilities, upper_triangle

Visit = Callable[[int, int, Scores], None]

Show = Callable[[Sequence[Rna], Visit, str], None]
"""Calls the visitor with (index, layer, scores of (heads, pairs)) for every RNA and layer; the text names the pass."""

NEVER = -1.0
"""Below every threshold and every probability."""


def visit_scores(
    model: ModelAdapter, depth: int | None, context: CellContext, rnas: Sequence[Rna], visit: Visit, label: str
) -> None:
    """Call ``visit(index, layer, scores)`` with (heads, pairs) float32 for every RNA and layer, in any order.

    Pair scores of a model that has no attention count as head 0 of layer 0; they go through the corrections of an
    attention map where its card says so. RNAs of 1 nt have no pairs and are not shown to the model. ``depth`` limits
    the rows of the alignments that a model with the capability ``alignment`` reads. Pairs that do not count score
    :data:`NEVER`, so that no threshold reaches them.

    Raises:
        HarnessError: a map of another shape than the sequence.
    """
    model.load(context.device)
    shown = [index for index, rna in enumerate(rnas) if rna.pairs]
    inputs: list[Any] = model_inputs(model.card, [rnas[k].record for k in shown], depth)
    attends = "attention" in model.card.capabilities
    corrected = attends or model.card.pair_scores_like_attention
    seen: set[int] = set()

    with context.progress.track(label, len(shown)) as advance:

        def show(number: int, layer: int, maps: Scores) -> None:
            index = shown[number]
            length = rnas[index].length
            if maps.ndim != 3 or maps.shape[1:] != (length, length):
                raise HarnessError(
                    f"{model.card.name} returned maps of shape {maps.shape} for {rnas[index].record.id!r}, "
                    f"which has {length} {rnas[index].kind.unit}"
                )
            scores = pair_probabilities(maps) if corrected else upper_triangle(maps)
            scores[:, rnas[index].uncounted] = NEVER
            visit(index, layer, scores)
            seen.add(index)
            advance(len(seen))

        if attends:
            model.visit_attention(inputs, show)
        else:
            for number, scores in model.pair_scores(inputs):
                show(number, 0, np.asarray(scores, dtype=np.float32)[None])
    if len(seen) < len(shown):
        missing = f"{len(shown) - len(seen)} of {len(shown)} {rnas[0].kind.molecules}"
        raise HarnessError(f"{model.card.name} returned no scores for {missing}")
