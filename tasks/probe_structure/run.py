"""One cell of probe-structure from beginning to end."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from harness.adapter import ModelAdapter, Role
from harness.datasets.alignments import read_alone
from harness.task import Basis, CellContext, Place, TaskOutcome
from tasks.common import subject, without_interval
from tasks.probe_structure import report
from tasks.probe_structure.data import prepare
from tasks.probe_structure.probing import Probed, probe
from tasks.probe_structure.scoring import count_table
from tasks.probes.layers import Curves, draw_probes, layer_draws
from tasks.probes.sources import MODEL, OneHot, sources
from tasks.structure.report import notes

if TYPE_CHECKING:
    from harness.datasets.records import Dataset
    from tasks.probe_structure.settings import ProbeStructureSettings


def run_probe_structure(
    model: ModelAdapter, dataset: Dataset, settings: ProbeStructureSettings, context: CellContext
) -> TaskOutcome:
    """Every source goes the same way: zero-shot, regression over maps, heads on states."""
    with context.phase("families and splits"):
        data = prepare(dataset, model, settings, context.progress)
    parts: dict[str, list[Probed]] = {}
    roles: dict[str, Role] = {}
    for source in sources(model, settings.seeds, [OneHot()]):
        context.progress.message(source.label)
        parts.setdefault(source.name, []).append(probe(source, data, settings, context))
        roles[source.name] = source.role
    with context.phase("statistics"):
        results = {name: report.SourceResult(name, own, data.test, settings.draws) for name, own in parts.items()}
        found = report.estimates(results)
        layer = _layer(model, settings, results[MODEL])
        metrics = report.metrics(found)
        floors = {
            Place("f1_probed", name, layer): own.probed[own.best]
            for name, own in results.items()
            if name != MODEL and own.best is not None
        }
        some = next(iter(parts[MODEL][0].heads.values()))
        rnas = (*data.train, *data.select, *data.test)
        curves = Curves(
            layers={name: {layer: f1 for layer, (f1, _) in own.by_layer.items()} for name, own in results.items()},
            examples={name: own.by_examples() for name, own in results.items()},
            best={name: own.probed[own.best] for name, own in results.items() if own.best is not None},
            score="pooled F1",
            training="training RNAs",
        )
        draw_probes(
            context.artifacts / "probes.svg", curves, f"Probes of structure · {subject(model.card, dataset.card)}"
        )
        return TaskOutcome(
            metrics=metrics,
            basis=Basis(
                layer=layer,
                layer_is_chosen=len(settings.layers) > 1,
                item_set=dataset.subset(rna.record for rna in rnas).fingerprint,
            ),
            draws={Place(name, MODEL, layer): own for name, own in found.items() if own is not None}
            | floors
            | layer_draws("f1_probed", results[MODEL].by_layer),
            used=len(rnas),
            table=[row for row in report.rows(results, layer) if row.value is not None],
            roles=roles,
            selected=report.selected(results),
            skipped=data.skipped,
            notes=[
                f"{len(data.train)} RNAs train, {len(data.select)} choose, {len(data.test)} test (split: {data.split})",
                *report.notes(results),
                *notes(data.test, count_table(data.test, some)),
                *read_alone(model.card, [rna.record for rna in rnas]),
                *without_interval(metrics),
            ],
            highlights=report.highlights(results),
            items=report.items(results),
        )


def _layer(model: ModelAdapter, settings: ProbeStructureSettings, own: report.SourceResult) -> int | None:
    """The layer that most seeds of the preferred head read, or the last one given where that reads attention."""
    if "hidden_states" not in model.card.capabilities or not model.card.layers:
        return None
    read = own.layers(own.best) if own.best else []
    return model.resolve_layer(Counter(read or settings.layers[-1:]).most_common(1)[0][0])
