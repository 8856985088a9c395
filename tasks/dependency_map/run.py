"""One cell of dependency-map from beginning to end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from harness.adapter import ModelAdapter
from harness.task import Basis, CellContext, Place, TaskOutcome
from tasks.common import subject, without_interval
from tasks.dependency_map import report
from tasks.dependency_map.controls import control_table, likeness_table
from tasks.dependency_map.data import mirrored, prepare
from tasks.dependency_map.passes import maps_of, scored, show_maps, units_of, variants
from tasks.dependency_map.substitutions import cost, is_causal, predicts
from tasks.structure.estimates import Bootstrap
from tasks.structure.evaluation import long_form, rna_table
from tasks.structure.pictures import draw_contacts, draw_f1_by_length
from tasks.structure.protocol import score_test, select
from tasks.structure.report import SOURCE, estimates, notes, row, strata
from tasks.structure.selection import Choice

if TYPE_CHECKING:
    from harness.datasets.records import Dataset
    from tasks.dependency_map.settings import DependencyMapSettings


def run_dependency_map(
    model: ModelAdapter, dataset: Dataset, settings: DependencyMapSettings, context: CellContext
) -> TaskOutcome:
    """Maps, validation, test and its mirror images, statistics, pictures."""
    data = prepare(dataset, model, settings, context.progress)
    images = [mirrored(rna, model) for rna in data.test]
    if predicts(model):
        context.progress.message(cost([*data.select, *data.test, *images]))
    with context.phase("maps"):
        model.load(context.device)
        validation = maps_of(model, data.select, context, "validation maps")
        maps = maps_of(model, data.test, context, "test maps")
        mirror = maps_of(model, images, context, "mirror maps")
        units = units_of(model, validation)
        validation, maps, mirror = (
            scored(model, rnas, found, units)
            for rnas, found in ((data.select, validation), (data.test, maps), (images, mirror))
        )
    selection = select(show_maps(validation), data, settings.draws, context)
    tested = score_test(show_maps(maps), data.test, selection.options, context)
    names = variants(model)
    with context.phase("statistics"):
        choices = [Choice(0, number, int(own.argmax())) for number, own in enumerate(selection.f1)]
        bootstraps = []
        for choice in choices:
            scores = [own.scores[choice.head] for own in maps]
            parts = [
                rna_table(data.test, scores, choice, selection.exact, selection.matched),
                control_table(data.test, scores, images, [own.scores[choice.head] for own in mirror], choice),
                likeness_table(data.test, [own.likeness for own in maps], scores, choice),
            ]
            bootstraps.append(Bootstrap(pd.concat(parts, axis=1), settings.draws))
        bootstrap = bootstraps[selection.chosen.head]
        table = bootstrap.table
        found = estimates(bootstrap, selection, tested) | report.controls(bootstrap)
        metrics = report.metrics(found)
        rows = [row("f1_pooled", bootstrap.f1(), "map and threshold fixed"), *strata(bootstrap)]
        for name, own in zip(names, bootstraps, strict=True):
            rows += report.of_variant(name, own)
        if predicts(model):
            rows += report.of_fingerprints(bootstrap)
        on_test = [own.f1() for own in bootstraps]
        by_variant = report.variant_table(
            names, selection, choices, [np.nan if own is None else own.value for own in on_test]
        )
        outcome = TaskOutcome(
            metrics=metrics,
            basis=Basis(item_set=data.item_set(dataset)),
            draws={Place(name, SOURCE): own for name, own in found.items() if own is not None},
            used=len(data.select) + len(data.test),
            table=[own for own in rows if own.value is not None],
            selected=report.selected(by_variant, selection) | {"units": dict(zip(names, units, strict=True))},
            skipped=data.skipped,
            warnings=report.warnings(maps) if predicts(model) else [],
            notes=[
                f"{' or '.join(names)} and its threshold chosen on the validation RNAs ({len(data.select)} RNAs, "
                f"split: {data.split})",
                *(["one triangle of each map: the model is causal"] if predicts(model) and is_causal(model) else []),
                *report.notes_on_tokens(model.card),
                *notes(data.test, table),
                *without_interval(metrics),
            ],
            highlights=report.highlights(by_variant),
            items=long_form(table),
            tables={"variants": by_variant},
        )
    with context.phase("pictures"):
        what = subject(model.card, dataset.card)
        draw_f1_by_length(context.artifacts / "f1-by-length.svg", table, what)
        draw_contacts(context.artifacts / "contacts.svg", data.test, tested.scores, selection.chosen, table, what)
    return outcome
