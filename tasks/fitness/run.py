"""One cell of fitness from beginning to end."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from harness.adapter import ModelAdapter
from harness.task import Basis, CellContext, TaskOutcome
from tasks.common import subject
from tasks.fitness import report
from tasks.fitness.data import Assay, prepare
from tasks.fitness.estimates import estimate
from tasks.fitness.floors import FLOORS
from tasks.fitness.pictures import draw_scores
from tasks.fitness.scores import HEADLINE, SPREAD, score

if TYPE_CHECKING:
    from harness.datasets.records import Dataset
    from tasks.fitness.settings import FitnessSettings


def run_fitness(model: ModelAdapter, dataset: Dataset, settings: FitnessSettings, context: CellContext) -> TaskOutcome:
    """Scores, floors, statistics, picture."""
    scans = prepare(dataset, model, settings)
    assays = scans.assays
    too_many = _too_many(assays, settings.pseudo_likelihood)
    with context.phase("scores"):
        model.load(context.device)
        found = [
            dict(context.kept(f"assay-{number}", partial(score, model, assay, too_many is None)))
            for number, assay in enumerate(context.progress.over("assays", assays))
        ]
    spread = max(float(own.pop(SPREAD)[0]) for own in found)
    headline = next(name for name in HEADLINE if name in found[0])
    with context.phase("statistics"):
        columns = [
            own | {name: floor(assay) for name, floor in FLOORS.items()}
            for own, assay in zip(found, assays, strict=True)
        ]
        sources = list(columns[0])
        estimates = estimate(assays, columns, settings.draws)
        variants = report.variant_table(assays, columns)
        outcome = TaskOutcome(
            metrics=report.metrics(estimates, headline),
            used=len(scans.records),
            basis=Basis(item_set=dataset.subset(scans.records).fingerprint),
            draws=report.draws(estimates),
            table=list(report.rows(estimates)),
            roles=report.roles(model.card, sources),
            selected={"assays": len(assays), "headline": headline},
            skipped=scans.skipped,
            warnings=report.warnings(model.card, spread),
            notes=report.notes(assays, estimates, headline, too_many, model.card),
            highlights=report.highlights(assays, estimates, headline),
            items=report.items(variants, sources),
            tables={"variants": variants, "kinds": report.by_kind(variants, sources)},
        )
    with context.phase("pictures"):
        draw_scores(
            context.artifacts / "scores.svg",
            assays,
            [own[headline] for own in columns],
            [estimates.per_assay[assay.name][headline].value for assay in assays],
            headline,
            subject(model.card, dataset.card),
        )
    return outcome


def _too_many(assays: tuple[Assay, ...], most: int) -> str | None:
    """Why the pseudo-likelihood, which costs a pass per nucleotide of each variant, is not computed; None if it is."""
    largest = max(assays, key=lambda assay: len(assay.records))
    if len(largest.records) <= most:
        return None
    return f"assay {largest.name} has {len(largest.records):,} variants, over the setting pseudo_likelihood={most}"
