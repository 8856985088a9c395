"""Everything that is fitted on one source: both heads, with every number of examples, seed and layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from harness.task import CellContext
from tasks.probe_families.data import FamilyData
from tasks.probe_families.heads import (
    CENTROID,
    LOGISTIC,
    LOOKUP,
    PENALTIES,
    Floats,
    Integers,
    Scale,
    logistic,
    lookup,
    nearest_centroid,
)
from tasks.probe_families.scoring import macro
from tasks.probe_families.settings import ProbeFamiliesSettings
from tasks.probe_families.vectors import vectors
from tasks.probes.sources import TWINS, Source

HEADS = (CENTROID, LOGISTIC, LOOKUP)


class Key(NamedTuple):
    """Which probe: its head, the examples per family, the layer (None where there is none) and the seed."""

    head: str
    examples: int
    layer: int | None
    seed: int


@dataclass(frozen=True)
class Fit:
    """Macro F1 on validation, the penalty that it chose, and the families predicted for test sequences."""

    validation: float
    predicted: Integers
    penalty: float | None = None


@dataclass
class Probed:
    """All fits of a source."""

    source: Source
    fits: dict[Key, Fit] = field(default_factory=dict)


def counts(settings: ProbeFamiliesSettings) -> tuple[int, ...]:
    """Examples per family, ascending; the last number stands for all."""
    return (*sorted({own for own in settings.examples if own < settings.most_examples}), settings.most_examples)


def probe(source: Source, data: FamilyData, settings: ProbeFamiliesSettings, context: CellContext) -> Probed:
    """All heads on the vectors of one source; the vectors are kept for a later run."""
    found, model = Probed(source), source.model
    own = replace(context, work=context.work / source.label.replace(" ", "-"))
    layers = settings.layers if model.card.layers is not None else ()
    with own.phase("vectors"):
        by_layer = vectors(model, data.all, layers, own, f"sequences of {source.label}")
    borders = np.cumsum([len(data.records["train"]), len(data.records["select"])])
    with own.phase("heads"):
        asked = [(count, seed) for count in counts(settings) for seed in source.seeds]
        for count, seed in context.progress.over(f"heads on {source.label}", asked):
            rows = data.examples(count, seed)
            for layer, whole in by_layer.items():
                parts = np.split(whole, borders)
                earlier = _same_examples(found, data, count, layer, seed, rows)
                fits = earlier or fit(parts[0][rows], data.labels["train"][rows], parts[1:], data)
                found.fits |= {Key(head, count, layer, seed): own_fit for head, own_fit in fits.items()}
    if source.name == TWINS:
        model.unload()
    return found


def _same_examples(
    found: Probed, data: FamilyData, count: int, layer: int | None, seed: int, rows: Integers
) -> dict[str, Fit]:
    """The fits of another seed where it takes the same examples, as where all are taken."""
    for key in found.fits:
        if (key.examples, key.layer) == (count, layer) and np.array_equal(data.examples(count, key.seed), rows):
            return {head: found.fits[key._replace(head=head)] for head in (CENTROID, LOGISTIC)}
    return {}


def fit(train: np.ndarray, labels: Integers, held_out: Sequence[np.ndarray], data: FamilyData) -> dict[str, Fit]:
    """Both heads fitted on the same examples; validation chooses the penalty, the stronger of equals."""
    scale, families = Scale.of(train), len(data.families)
    own: Floats = scale(train)
    select, test = (scale(part) for part in held_out)
    nearest = [nearest_centroid(own, labels, part, families) for part in (select, test)]
    found = {CENTROID: Fit(_validation(nearest[0], data), nearest[1])}
    options = [logistic(own, labels, (select, test), penalty) for penalty in PENALTIES]
    worth = [_validation(chosen, data) for chosen, _ in options]
    best = int(np.argmax(worth))
    return found | {LOGISTIC: Fit(worth[best], options[best][1], PENALTIES[best])}


def look_up(source: Source, data: FamilyData, settings: ProbeFamiliesSettings, context: CellContext) -> Probed:
    """The reference that aligns sequences instead of reading vectors."""
    found = Probed(source)
    sequences = {part: [record.sequence for record in own] for part, own in data.records.items()}
    with context.phase("lookup"):
        for count in counts(settings):
            for seed in source.seeds:
                rows = data.examples(count, seed)
                train, labels = [sequences["train"][row] for row in rows], data.labels["train"][rows]
                select, test = (lookup(train, labels, sequences[part]) for part in ("select", "test"))
                found.fits[Key(LOOKUP, count, None, seed)] = Fit(_validation(select, data), test)
    return found


def _validation(predicted: Integers, data: FamilyData) -> float:
    return macro(data.labels["select"], predicted, len(data.families))["f1"]
