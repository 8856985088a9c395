"""One cell of similarity from beginning to end."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from harness.adapter import ModelAdapter
from harness.datasets.alignments import read_alone
from harness.errors import NotApplicable
from harness.statistics.bootstrap import cluster_weights
from harness.storage.kept import Arrays
from harness.task import Basis, CellContext, TaskOutcome
from harness.twins import random_twin
from tasks.common import subject, without_interval
from tasks.similarity import report
from tasks.similarity.comparisons import Comparer, comparers, maps, with_twins
from tasks.similarity.data import Sample, prepare
from tasks.similarity.floors import FLOORS
from tasks.similarity.neighbours import chance, shares_by_rna
from tasks.similarity.pictures import draw_depth, draw_maps
from tasks.similarity.report import MODEL, TWIN, Found
from tasks.similarity.states import of_sequences, read_states
from tasks.similarity.stored import ROWS, write_states

if TYPE_CHECKING:
    from harness.datasets.records import Dataset
    from tasks.similarity.settings import SimilaritySettings


def run_similarity(
    model: ModelAdapter, dataset: Dataset, settings: SimilaritySettings, context: CellContext
) -> TaskOutcome:
    """States of the model and its random twins, comparisons, tables, pictures."""
    sample = prepare(dataset, settings, context.progress)
    layers = tuple(model.layers_held([record.sequence for record in sample.records]))
    with context.phase("states"):
        own = context.kept("states", partial(_states, model, sample, layers, context, "states"))
    with context.phase("random twins"):
        twins = _twins(model, sample, layers, settings, context)
    with context.phase("comparisons"):
        weights = cluster_weights([record.id for record in sample.records], settings.draws)
        nucleotides, means = comparers(sample.each, settings.neighbours, sample.letters, weights)
        found = Found(layers)
        _all_pairs(found, nucleotides, own, twins, sample)
        if twins:
            for comparer in (nucleotides, means):
                for layer in context.progress.over(f"twins by {comparer.unit}", layers):
                    for measure, part in with_twins(comparer, own, twins, layer).items():
                        found.twins.setdefault((comparer.unit, measure), {})[layer] = part
    expected = chance(len(sample.positions) * sample.each, sample.each, nucleotides.count or 1)
    metrics = report.metrics(found)
    outcome = TaskOutcome(
        metrics=metrics,
        used=len(sample.records),
        basis=Basis(item_set=dataset.subset(sample.records).fingerprint),
        draws=report.draws(found),
        table=list(report.rows(found)),
        roles={MODEL: model.card.role, TWIN: "floor"} if twins else {MODEL: model.card.role},
        selected={"layers": list(layers), "neighbours_by_chance": expected},
        skipped=sample.skipped,
        notes=[
            *report.notes(found, sample, settings, len(twins), expected),
            *read_alone(model.card, sample.records),
            *without_interval(metrics),
        ],
        highlights=report.highlights(found),
        items=report.items(found, sample),
        tables={"layer_pairs": report.pair_table(found), ROWS: report.nucleotide_table(sample)},
    )
    with context.phase("pictures"):
        what = subject(model.card, dataset.card)
        draw_maps(context.artifacts / "layers.svg", found, what)
        draw_depth(context.artifacts / "depth.svg", found, what)
        write_states(context.artifacts, layers, {MODEL: own} | ({TWIN: twins[0]} if twins else {}))
    return outcome


def _states(model: ModelAdapter, sample: Sample, layers: tuple[int, ...], context: CellContext, label: str) -> Arrays:
    return read_states(model, sample, layers, context.device, context.progress, label)


def _twins(
    model: ModelAdapter,
    sample: Sample,
    layers: tuple[int, ...],
    settings: SimilaritySettings,
    context: CellContext,
) -> list[Arrays]:
    """States of a twin for every seed; none of a model that has no twin."""
    found = []
    for number, seed in enumerate(settings.seeds, 1):
        try:
            twin = random_twin(model, seed)
        except NotApplicable:
            return []
        label = f"random twin {number}/{len(settings.seeds)}"
        found.append(context.kept(f"twin-{seed}", partial(_states, twin, sample, layers, context, label)))
        twin.unload()
    return found


def _all_pairs(found: Found, comparer: Comparer, own: Arrays, twins: list[Arrays], sample: Sample) -> None:
    """Every layer of the model and of its first twin with every other and with the floors."""
    views = {MODEL: comparer.views(own, found.layers)}
    if twins:
        views[TWIN] = comparer.views(twins[0], found.layers)
    floors = {name: comparer.view(of_sequences(sample, features), 0) for name, features in FLOORS.items()}
    pairs = [(MODEL, MODEL), *([(MODEL, TWIN), (TWIN, TWIN)] if twins else [])]
    for first, second in pairs:
        for (one, other), estimates in maps(comparer, views[first], views[second]).items():
            found.pairs[first, one, second, other] = estimates
    for source, by_layer in views.items():
        for layer, view in by_layer.items():
            for name, floor in floors.items():
                found.pairs[source, layer, name, None] = comparer.compare(view, floor)
    if twins:
        last = found.last
        found.permuted = comparer.permuted(views[MODEL][last], views[TWIN][last])
    against = views[TWIN] if twins else views[MODEL]
    for layer, view in views[MODEL].items():
        near = against[layer].near
        assert view.near is not None and near is not None
        found.shares[layer] = shares_by_rna(view.near, near, comparer.each, comparer.count or 1)
