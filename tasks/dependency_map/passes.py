"""The maps of a cell, one RNA after the other; what is done stays when a run is stopped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from harness.adapter import ModelAdapter
from harness.errors import HarnessError
from harness.storage.kept import Arrays
from harness.task import CellContext
from tasks.dependency_map.fingerprints import FINGERPRINTS, likeness
from tasks.dependency_map.maps import (
    VARIANTS,
    centred_jacobian,
    dependency,
    dependency_score,
    jacobian_map,
    jacobian_score,
    unit_of,
)
from tasks.dependency_map.substitutions import Floats, is_causal, predicts, substituted
from tasks.structure.data import Rna
from tasks.structure.maps import Scores, pair_probabilities, upper_triangle
from tasks.structure.scoring import NEVER, Show, Visit

AT_ONCE = 8
"""RNAs whose maps are kept together for a later run."""


@dataclass(frozen=True)
class Maps:
    """What is kept of one RNA: pairs i < j row by row, and the largest dependency, in |log2 odds ratio|.

    ``scores`` is (variants, pairs), ``likeness`` (fingerprints, pairs). Models that bring scores of pairs have one
    variant, no fingerprints and no dependency.
    """

    scores: Scores
    likeness: Floats
    largest: float


def variants(model: ModelAdapter) -> tuple[str, ...]:
    """The maps of a model, by name: two of its predictions, or the pair scores that it brings."""
    return VARIANTS if predicts(model) else ("pair-scores",)


def maps_of(model: ModelAdapter, rnas: Sequence[Rna], context: CellContext, label: str) -> list[Maps]:
    """The maps of all RNAs in their order, kept under the ``label``."""
    found: list[Maps] = []
    with context.progress.track(label, len(rnas)) as advance:
        for first in range(0, len(rnas), AT_ONCE):
            some = rnas[first : first + AT_ONCE]

            def compute(some: Sequence[Rna] = some, done: int = first) -> Arrays:
                made = []
                for number, rna in enumerate(some, start=done + 1):
                    made.append(map_of(model, rna))
                    advance(number)
                parts = {name: [getattr(own, name) for own in made] for name in ("scores", "likeness")}
                arrays = {name: np.concatenate(own, axis=1) for name, own in parts.items()}
                return arrays | {"largest": np.array([own.largest for own in made])}

            kept = context.kept(f"{label} from {first + 1}", compute)
            borders = np.cumsum([rna.pairs for rna in some])[:-1]
            scores, alike = (np.split(kept[name], borders, axis=1) for name in ("scores", "likeness"))
            found += [Maps(*parts) for parts in zip(scores, alike, kept["largest"].tolist(), strict=True)]
    return found


def map_of(model: ModelAdapter, rna: Rna) -> Maps:
    """The maps of one RNA in units of their own; pairs inside one token are 0."""
    if not rna.pairs:
        shapes = len(variants(model)), len(FINGERPRINTS)
        scores, alike = (np.zeros((rows, 0), dtype=np.float32) for rows in shapes)
        return Maps(scores, alike, 0.0)
    if not predicts(model):
        return Maps(_scores_brought(model, rna), np.zeros((len(FINGERPRINTS), rna.pairs), np.float32), 0.0)
    before, after = substituted(model, rna.sequence)
    dependencies = dependency(before, after)
    jacobian = centred_jacobian(before, after)
    causal = is_causal(model)
    squares = np.stack([dependencies, jacobian_map(jacobian, causal)])
    scores, alike = upper_triangle(squares), upper_triangle(likeness(jacobian, causal))
    scores[:, rna.inside] = 0
    return Maps(scores, alike, float(scores[0].max()))


def units_of(model: ModelAdapter, validation: Sequence[Maps]) -> tuple[float, ...]:
    """What counts as 1 in each variant: the 99th percentile over validation RNAs; scores brought stay as they are."""
    if not predicts(model):
        return (1.0,)
    return tuple(unit_of(np.concatenate([own.scores[k] for own in validation])) for k in range(len(VARIANTS)))


def scored(model: ModelAdapter, rnas: Sequence[Rna], maps: Sequence[Maps], units: Sequence[float]) -> list[Maps]:
    """Maps with scores in [0, 1]; pairs inside one token score below every threshold."""
    found = []
    for rna, own in zip(rnas, maps, strict=True):
        scores = own.scores.copy()
        if predicts(model):
            unit = np.asarray(units, dtype=np.float32)[:, None]
            dependencies, jacobian = scores / unit
            scores = np.stack([dependency_score(dependencies), jacobian_score(jacobian)])
        scores[:, rna.inside] = NEVER
        found.append(replace(own, scores=scores))
    return found


def show_maps(maps: Sequence[Maps]) -> Show:
    """The maps of one split, shown as heads of layer 0 are."""

    def show(rnas: Sequence[Rna], visit: Visit, label: str) -> None:
        assert len(rnas) == len(maps)
        for index, own in enumerate(maps):
            if own.scores.size:
                visit(index, 0, own.scores)

    return show


def _scores_brought(model: ModelAdapter, rna: Rna) -> Scores:
    [(_, square)] = model.pair_scores([rna.sequence])
    if square.shape != (rna.length, rna.length):
        raise HarnessError(f"{model.card.name} returned scores of shape {square.shape} for {rna.length} nt")
    maps = np.asarray(square, dtype=np.float32)[None]
    return pair_probabilities(maps) if model.card.pair_scores_like_attention else upper_triangle(maps)
