"""The similarities that a cell compares: a variant at a layer, or the one that a model has of its own."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from harness.adapter import ModelAdapter
from harness.datasets.records import Record
from harness.storage.kept import Arrays
from harness.task import CellContext
from tasks.overlap_ratio.data import ComparedFamilies, Integers
from tasks.overlap_ratio.density import Floats
from tasks.overlap_ratio.embeddings import VARIANTS, Key, Vectors, embed
from tasks.overlap_ratio.intervals import ScoredPairs
from tasks.overlap_ratio.pairs import Pairs
from tasks.overlap_ratio.similarity import (
    PairSimilarities,
    cosine,
    nearness,
    pair_similarities,
    standardised,
    unit_vectors,
    whitened,
)


@dataclass(frozen=True)
class Measure:
    """Similarities of the records of a cell: cosines of ``vectors`` (records, width), nearness of ``places`` (records,
    width), or asked of the model.

    ``vectors`` may lie on disk; what is made of them is not kept, so that many layers fit into memory. Records of the
    cell's pairs come first, in the order of its data.
    """

    model: ModelAdapter
    context: CellContext
    records: Sequence[Record]
    variant: str
    layer: int | None
    vectors: Vectors | None
    places: Floats | None = None

    def units(self, count: int | None = None) -> Vectors | None:
        """Rows of length 1, of the first ``count`` records; None where no cosine is taken."""
        if self.vectors is None:
            return None
        return unit_vectors(self.vectors[:count], self.records, f"{self.model.card.name} ({self.variant})")

    def similarities(self, parts: Sequence[Integers]) -> list[Floats]:
        """(n,) float64 for every part (n, 2) of record numbers; distinct pairs are asked of a model once."""
        if (units := self.units()) is not None:
            return [cosine(units, part) for part in parts]
        if self.places is not None:
            return [nearness(self.places, part) for part in parts]
        pairs = np.concatenate(parts)

        def compute() -> Arrays:
            self.model.load(self.context.device)
            table = pair_similarities(self.model, self.records, pairs, self.context.progress)
            return {"keys": table.keys, "values": table.values}

        kept = self.context.kept(f"similarities {zlib.crc32(pairs.tobytes()):08x}", compute)
        table = PairSimilarities(kept["keys"], kept["values"], len(self.records))
        return [table(part) for part in parts]

    def scored(self, repeats: Sequence[Pairs], data: ComparedFamilies) -> list[ScoredPairs]:
        """The pairs of every drawing."""
        parts = [part for pairs in repeats for part in (pairs.homologous, pairs.others)]
        found = self.similarities(parts)
        return [
            ScoredPairs(found[k], found[k + 1], data.family[parts[k]], data.family[parts[k + 1]])
            for k in range(0, len(parts), 2)
        ]

    def centred(self, data: ComparedFamilies) -> Measure | None:
        """Directions as seen from the mean direction of the validation half's families, each weighing the same."""
        if (units := self.units(len(data.records))) is None:
            return None
        means = np.add.reduceat(units, data.starts, axis=0) / data.sizes[:, None]
        units -= means[data.validation].mean(axis=0)
        return replace(self, variant=f"{self.variant}, centred", vectors=units)

    def whitened(self, data: ComparedFamilies) -> Measure | None:
        """The same, scaled so that no direction varies more than another among the validation half's sequences."""
        if (centred := self.centred(data)) is None or centred.vectors is None:
            return None
        weights = 1 / data.sizes[data.family]
        vectors = whitened(centred.vectors, data.validation[data.family], weights)
        return replace(self, variant=f"{self.variant}, whitened", vectors=vectors)


OtherLayers = Mapping[int, Callable[[], Measure]]
"""The mean at a layer that was not asked for, made anew at every call: its vectors are mapped no longer than needed."""


def make_measures(
    model: ModelAdapter, records: Sequence[Record], layers: Sequence[int], context: CellContext
) -> tuple[list[Measure], OtherLayers]:
    """Those at ``layers``, the headline first (the mean of the last one), and the model's other layers, of the same
    pass; a model without hidden states has one measure.
    """
    if "hidden_states" in model.card.capabilities:
        held = model.layers_held([record.sequence for record in records])
        asked = {model.resolve_layer(layer) for layer in layers}
        further = [layer for layer in held if layer not in asked]
        found = embed(model, records, layers, context, further)
        order = sorted(found, key=lambda key: (-key[1], VARIANTS.index(key[0])))

        def measure(key: Key) -> Measure:
            return Measure(model, context, records, *key, found[key])

        return [measure(key) for key in order if key[1] in layers], {
            layer: partial(measure, ("mean", layer)) for layer in further
        }
    return [_only_measure(model, records, context)], {}


def _only_measure(model: ModelAdapter, records: Sequence[Record], context: CellContext) -> Measure:
    if "similarity" in model.card.capabilities:
        return Measure(model, context, records, "mean", None, None)
    model.load(context.device)
    vectors = model.sequence_vectors([record.sequence for record in records])
    if model.card.vectors_compared_by == "angle":
        return Measure(model, context, records, "mean", None, vectors)
    places = standardised(vectors, [record.family for record in records])
    return Measure(model, context, records, "mean", None, None, places)
