"""One cell of probe-families from beginning to end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.adapter import ModelAdapter, Role
from harness.datasets.alignments import read_alone
from harness.task import Basis, CellContext, Place, TaskOutcome
from tasks.common import subject, without_interval
from tasks.kinds import FamilyKinds
from tasks.probe_families import report
from tasks.probe_families.data import prepare
from tasks.probe_families.heads import LOOKUP
from tasks.probe_families.probing import Probed, counts, look_up, probe
from tasks.probe_families.scoring import Truth
from tasks.probe_families.vectors import KMERS, Letters
from tasks.probes.layers import Curves, draw_probes, layer_draws
from tasks.probes.sources import MODEL, TWINS, Source, sources

if TYPE_CHECKING:
    from harness.datasets.records import Dataset
    from tasks.probe_families.settings import ProbeFamiliesSettings


def run_probe_families(
    model: ModelAdapter, dataset: Dataset, settings: ProbeFamiliesSettings, context: CellContext
) -> TaskOutcome:
    """Every source of vectors goes the same way; the lookup needs none."""
    with context.phase("clusters and splits"):
        data = prepare(dataset, settings, context.progress)
    parts: dict[str, list[Probed]] = {}
    roles: dict[str, Role] = {}
    letters = [Letters("kmers", KMERS), Letters("composition", (1,))]
    for source in sources(model, settings.seeds, letters):
        context.progress.message(source.label)
        parts.setdefault(source.name, []).append(probe(source, data, settings, context))
        roles[source.name] = source.role
    parts[LOOKUP] = [look_up(Source(LOOKUP, "reference", model, settings.seeds), data, settings, context)]
    roles[LOOKUP] = "reference"
    with context.phase("statistics"):
        truth = Truth(
            data.labels["test"], len(data.families), tuple(r.id for r in data.records["test"]), settings.draws
        )
        results = {name: report.SourceResult(name, own, truth) for name, own in parts.items()}
        steps = counts(settings)
        found = report.estimates(results, steps)
        metrics = report.metrics(found)
        layer = results[MODEL].best(steps[-1]).layer
        controls = {
            Place("f1_probed", name, layer): own.scores[own.best(steps[-1])]["f1"]
            for name, own in results.items()
            if name != MODEL
        }
        sizes = [len(own) for own in data.records.values()]
        kinds = FamilyKinds.of(dataset, data.families)
        by_kind = [] if kinds is None else report.by_kind(results, kinds, steps, layer)
        curves = Curves(
            layers={
                name: {layer: f1 for layer, (f1, _) in results[name].by_layer.items()}
                for name in (MODEL, TWINS)
                if name in results
            },
            examples={name: own.by_examples() for name, own in results.items()},
            best={name: own.scores[own.best(steps[-1])]["f1"] for name, own in results.items()},
            score="macro F1",
            training="training sequences per family",
        )
        draw_probes(
            context.artifacts / "probes.svg", curves, f"Probes of families · {subject(model.card, dataset.card)}"
        )
        return TaskOutcome(
            metrics=metrics,
            basis=Basis(
                layer=layer,
                layer_is_chosen=len(settings.layers) > 1,
                item_set=dataset.subset(data.all).fingerprint,
            ),
            draws={Place(name, MODEL, layer): own for name, own in found.items() if own is not None}
            | controls
            | layer_draws("f1_probed", results[MODEL].by_layer),
            used=len(data.all),
            table=[row for row in (*report.rows(results, steps, layer), *by_kind) if row.value is not None],
            roles=roles,
            selected=report.selected(results, steps),
            skipped=data.skipped,
            notes=[
                f"{len(data.families)} families; {sizes[0]:,} sequences train, {sizes[1]:,} choose, {sizes[2]:,} test, "
                f"one of a cluster (split: {data.split}); all examples are at most {settings.most_examples} per family",
                *report.notes(found),
                *([] if kinds is None else [kinds.note]),
                *read_alone(model.card, data.all, family_asked=True),
                *without_interval(metrics),
            ],
            highlights=report.highlights(results, steps),
            items=report.items(results, data),
        )
