"""One cell of overlap-ratio from beginning to end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from harness.adapter import ModelAdapter
from harness.datasets.alignments import read_alone
from harness.progress import Progress
from harness.task import CellContext, TaskOutcome
from tasks.common import subject, without_interval
from tasks.overlap_ratio import report
from tasks.overlap_ratio.data import ComparedFamilies, prepare
from tasks.overlap_ratio.families import family_table
from tasks.overlap_ratio.intervals import FamilyBootstrap, ScoredPairs, density_overlap
from tasks.overlap_ratio.kinds import add_kinds
from tasks.overlap_ratio.measures import Measure, OtherLayers, make_measures
from tasks.overlap_ratio.pairs import Pairs, draw_pairs
from tasks.overlap_ratio.pictures import draw_densities, draw_families
from tasks.overlap_ratio.report import ALL, CENTRED, CHOOSING, HALF, WHITENED, Scores
from tasks.overlap_ratio.triplets.report import Triplets

if TYPE_CHECKING:
    from harness.datasets.records import Dataset
    from tasks.overlap_ratio.settings import OverlapRatioSettings


def run_overlap(
    model: ModelAdapter, dataset: Dataset, settings: OverlapRatioSettings, context: CellContext
) -> TaskOutcome:
    """Pairs, similarities, statistics, pictures."""
    data = prepare(dataset, settings)
    repeats = [draw_pairs(data, settings, seed) for seed in settings.seeds]
    with context.phase("triplets"):
        triplets = Triplets(dataset, data, settings)
    with context.phase("embedding"):
        measures, others = make_measures(model, (*data.records, *triplets.further), settings.layers, context)
    with context.phase("similarities"):
        shown = {m.variant: m.scored(repeats, data) for m in measures if m.layer == measures[0].layer}
    with context.phase("statistics"):
        scores = _scores(measures, others, shown, repeats, data, settings.draws, context.progress)
        units = measures[0].units(len(data.records))
        families = family_table(data, shown["mean"], units, dataset.family_names)
        item_set = dataset.subset(data.records).fingerprint
        outcome = report.outcome(scores, data, families, model.card, settings, item_set)
        triplets.add(outcome, measures)
        if settings.pairs == "families":
            add_kinds(outcome, dataset, data, measures[0], families, settings)
        outcome.notes += [*read_alone(model.card, data.records, family_asked=True), *without_interval(outcome.metrics)]
        outcome.tables["large/pairs"] = report.pair_table(data, repeats, shown)
    with context.phase("pictures"):
        what = subject(model.card, dataset.card)
        first = {variant: scored[0] for variant, scored in shown.items()}
        draw_densities(context.artifacts / "densities.svg", first, what)
        if units is not None:
            draw_families(context.artifacts / "t-sne.svg", units, data, dataset.family_names, what)
    return outcome


def _scores(
    measures: Sequence[Measure],
    others: OtherLayers,
    shown: Mapping[str, Sequence[ScoredPairs]],
    repeats: Sequence[Pairs],
    data: ComparedFamilies,
    draws: int,
    progress: Progress,
) -> Scores:
    """Every measure on all families; those of the last layer, and the best one, on the test half too.

    The best of all layers, asked for or not, has the lowest mean ratio on the validation half; of equals, the later
    one. Of a layer that was not asked for, only the pairs of that half are compared, and no bootstrap is drawn.
    """
    bootstrap = FamilyBootstrap(len(data.families), draws)
    last = measures[0].layer
    found: dict[report.Key, report.Estimates] = {}
    validation: dict[int | None, float] = {}
    halves = [pairs.within(half) for pairs in shown["mean"] for half in (data.validation, ~data.validation)]
    halved = all(len(half.homologous) and len(half.others) for half in halves)
    for measure in progress.over("statistics", measures):
        scored = shown[measure.variant] if measure.layer == last else measure.scored(repeats, data)
        found[measure.variant, measure.layer, ALL] = bootstrap.estimates(scored)
        if halved and measure.variant == "mean":
            validation[measure.layer] = _mean_ratio([pairs.within(data.validation) for pairs in scored])
    choosing = [pairs.within(data.validation, data.family) for pairs in repeats]
    for layer, make in others.items() if halved else ():
        validation[layer] = _mean_ratio(make().scored(choosing, data))
    best = min(validation, key=lambda layer: (validation[layer], -(layer or 0)), default=None)
    further = [others[best]()] if best is not None and best in others else []
    for measure in (*measures, *further):
        if halved and (measure.layer == last or (measure.variant == "mean" and measure.layer == best)):
            scored = shown[measure.variant] if measure.layer == last else measure.scored(repeats, data)
            place = measure.variant, measure.layer
            found[*place, HALF] = bootstrap.estimates([pairs.within(~data.validation) for pairs in scored])
            drawn = [pairs.within(~data.validation, data.family) for pairs in repeats]
            if (centred := measure.centred(data)) is not None:
                found[*place, CENTRED] = bootstrap.estimates(centred.scored(drawn, data))
            if measure.variant == "mean":
                found[*place, CHOOSING] = bootstrap.estimates([pairs.within(data.validation) for pairs in scored])
                if (whitened := measure.whitened(data)) is not None:
                    found[*place, WHITENED] = bootstrap.estimates(whitened.scored(drawn, data))
    return Scores(found, last, best, tuple(validation))


def _mean_ratio(repeats: Sequence[ScoredPairs]) -> float:
    return float(np.mean([density_overlap(pairs)["overlap_ratio"] for pairs in repeats]))
