"""One cell of structure-f1 from beginning to end."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from harness.adapter import ModelAdapter
from harness.datasets.alignments import alignment_of, read_alone
from harness.statistics.metrics import f1_of_counts
from harness.task import Basis, CellContext, Place, TaskOutcome
from tasks.common import subject, without_interval
from tasks.structure.data import StructureData
from tasks.structure.estimates import Bootstrap
from tasks.structure.evaluation import long_form, rna_table
from tasks.structure.kinds import KINDS
from tasks.structure.pictures import draw_contacts, draw_f1_by_length
from tasks.structure.protocol import HeldOut, known_pairs, score_test, select, tally
from tasks.structure.report import SOURCE, estimates, option_row
from tasks.structure.scoring import visit_scores
from tasks.structure.selection import Choice, best
from tasks.structure_f1 import homologs, report
from tasks.structure_f1.data import prepare
from tasks.structure_f1.pictures import draw_f1_by_homologs, draw_heads

if TYPE_CHECKING:
    from harness.datasets.records import Dataset
    from tasks.structure_f1.settings import StructureF1Settings


def run_structure(
    model: ModelAdapter, dataset: Dataset, settings: StructureF1Settings, context: CellContext
) -> TaskOutcome:
    """Validation, test, statistics, pictures."""
    data = prepare(dataset, model, settings, context.progress)
    kind = KINDS[dataset.card.alphabet]
    show = partial(visit_scores, model, None, context)
    selection = select(show, data, settings.draws, context)
    tested = score_test(show, data.test, selection.options, context)
    with context.phase("statistics"):
        table = rna_table(data.test, tested.scores, selection.chosen, selection.exact, selection.matched)
        aligned = "alignment" in model.card.capabilities
        if aligned:
            table[homologs.COLUMN] = homologs.effective_homologs(data.test)
        bootstrap, known = Bootstrap(table, settings.draws), known_pairs(data.test)
        heads = report.head_table(selection, tested, known)
        words = kind.molecules
        split = f"the validation {words} ({len(data.select)} {words}, split: {data.split})"
        found = estimates(bootstrap, selection, tested)
        metrics = report.metrics(found, table, tested, kind)
        outcome = TaskOutcome(
            metrics=metrics,
            basis=Basis(
                layer=selection.chosen.layer,
                layer_is_chosen=len({layer for layer, _ in selection.heads}) > 1,
                item_set=data.item_set(dataset),
            ),
            draws={Place(name, SOURCE): own for name, own in found.items() if own is not None},
            used=len(data.train) + len(data.select) + len(data.test),
            table=[row for row in report.rows(bootstrap, selection, tested, kind) if row.value is not None],
            selected=report.selected(selection, tested, known),
            skipped=data.skipped,
            notes=[
                *report.notes(data.test, table, selection, split),
                *read_alone(model.card, [rna.record for rna in (*data.select, *data.test)]),
                *without_interval(metrics),
            ],
            highlights=report.highlights(heads),
            items=long_form(table),
            tables={"heads": heads, "options": _options(table, tested)},
        )
    line = None
    if aligned:
        line = homologs.fit(bootstrap)
        cuts = _depths(model, data, settings, context)
        outcome.notes += homologs.notes(bootstrap, line)
        outcome.table += [own for own in homologs.rows(bootstrap, line) if own.value is not None]
        outcome.table += [
            option_row(bootstrap, tested, chosen, f"alignments of at most {depth} rows")
            for depth, chosen, tested in cuts
        ]
        outcome.tables["depths"] = every = _by_depth(table, data, cuts)
        if (slope := homologs.within(bootstrap, every)) is not None:
            outcome.table.append(slope)
    with context.phase("pictures"):
        what = subject(model.card, dataset.card)
        draw_heads(context.artifacts / "heads.svg", heads, what)
        draw_f1_by_length(context.artifacts / "f1-by-length.svg", table, what, kind.unit)
        if line is not None:
            draw_f1_by_homologs(context.artifacts / "f1-by-homologs.svg", table, line, what)
        draw_contacts(context.artifacts / "contacts.svg", data.test, tested.scores, selection.chosen, table, what)
    return outcome


def _depths(
    model: ModelAdapter, data: StructureData, settings: StructureF1Settings, context: CellContext
) -> list[tuple[int, Choice, HeldOut]]:
    """What homologs buy: the same with alignments cut to fewer rows, each depth choosing its own head."""
    deepest = max(alignment_of(rna.record).depth for rna in (*data.select, *data.test))
    found = []
    for depth in settings.depths:
        if depth >= deepest:
            continue
        with context.phase(f"alignment depth {depth}"):
            show = partial(visit_scores, model, depth, context)
            pooled = tally(show, data.select, context, f"validation, depth {depth}")
            chosen = best(pooled.heads, pooled.f1(known_pairs(data.select)))
            found.append((depth, chosen, score_test(show, data.test, [chosen], context, f"test, depth {depth}")))
    return found


def _by_depth(table: pd.DataFrame, data: StructureData, cuts: Sequence[tuple[int, Choice, HeldOut]]) -> pd.DataFrame:
    """F1 and Neff of every test RNA at every depth; the whole alignment has none."""
    whole = table[["item", homologs.COLUMN, "f1"]].assign(depth=None)
    known = table["pairs"].to_numpy()
    parts = [
        pd.DataFrame(
            {
                "item": table["item"],
                homologs.COLUMN: homologs.effective_homologs(data.test, depth),
                "f1": np.where(
                    known > 0, f1_of_counts(tested.true_positives[:, 0], tested.predicted[:, 0], known), np.nan
                ),
                "depth": depth,
            }
        )
        for depth, _, tested in cuts
    ]
    return pd.concat([whole, *parts], ignore_index=True).astype({"depth": "Int64"})


def _options(table: pd.DataFrame, tested: HeldOut) -> pd.DataFrame:
    """Counts of every test RNA under every choice that the bootstrap made, enough to redo the nested interval."""
    rnas, count = tested.true_positives.shape
    return pd.DataFrame(
        {
            "item": table["item"].repeat(count).to_numpy(),
            "layer": [option.layer for option in tested.options] * rnas,
            "head": [option.head for option in tested.options] * rnas,
            "threshold": [option.threshold for option in tested.options] * rnas,
            "tp": tested.true_positives.ravel(),
            "predicted": tested.predicted.ravel(),
        }
    )
