"""From scored sources to the outcome of a cell: metrics of the chosen layer, rows for everything else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import comb
from typing import TYPE_CHECKING

import numpy as np

from harness.activations.standardisation import Standardisation
from harness.adapter import ModelCard
from harness.statistics.bootstrap import Estimate
from harness.statistics.gains import Gain
from harness.task import Basis, Highlights, Metric, Place, TableRow, TaskOutcome
from tasks.common import CORRELATION, SHARE, metric, over_families, over_seeds, table_row, without_interval
from tasks.sae.aggregate import MEAN, WINDOW
from tasks.sae.concepts.choice import null_of_maximum
from tasks.sae.concepts.confounds import gain_over_composition, matched_auroc
from tasks.sae.concepts.probes import PROBE_SIZES, share_of_dense, sparse_probes
from tasks.sae.concepts.selectivity import selectivity
from tasks.sae.failures import layer_warnings, why_failed, without_stability
from tasks.sae.gains import frozen_warnings, gain_metrics, gain_notes, gain_rows, gains
from tasks.sae.sequence_scores import ScoredSource
from tasks.sae.split_quality import SharedFeatures
from tasks.sae_families.data import ScoredFamilies
from tasks.sae_families.scores import Items, SourceScores, select_score
from tasks.sae_families.splits import minimum_detectable_difference
from tasks.sae_families.tables import family_table, feature_table, group_table, item_table, similarity_tables

if TYPE_CHECKING:
    import pandas as pd


BEST_FEATURES = 8


@dataclass(frozen=True)
class CellFacts:
    """What the report says of a cell beside its scores. ``groups`` holds rows of families, none or two lists;
    ``aggregation`` is the one chosen for all sources, and ``aggregation_scores`` what each was worth on select."""

    data: ScoredFamilies
    longest: int
    train_nucleotides: int
    card: ModelCard
    family_names: Mapping[str, str]
    standardisation: Mapping[int, Standardisation]
    groups: Sequence[Sequence[int]]
    aggregation: str
    aggregation_scores: Mapping[str, float]


@dataclass(frozen=True)
class LayerResult:
    """Everything scored at one layer.

    ``aggregations`` holds the sources once more for each of several aggregations; ``stable`` the features that all
    seeds share, None where there are none or one seed.
    """

    layer: int
    sources: dict[str, SourceScores]
    equal: dict[str, SourceScores]
    budget: int
    aggregations: dict[str, list[SourceScores]]
    entries: list[ScoredSource]
    quality: dict[str, Metric]
    shared: SharedFeatures | None
    stable: SourceScores | None

    @property
    def sae(self) -> SourceScores:
        return self.sources["sae"]

    @cached_property
    def gains(self) -> dict[str, Gain]:
        return gains(self.sae, self.sources.values())


def report(facts: CellFacts, layers: Sequence[LayerResult], item_set: str) -> TaskOutcome:
    """The outcome. The headline layer is the one whose features do best on select; test plays no part."""
    items, data = facts.data.items, facts.data
    failures = layer_failures(layers, items)
    layers = [
        replace(result, quality=without_stability(result.quality), stable=None) if failures[result.layer] else result
        for result in layers
    ]
    chosen = max(layers, key=lambda result: select_score(result.sae, items))
    metrics = _metrics(chosen) | chosen.quality | _diagnostics(facts, chosen)
    rows = [row for result in layers for row in _rows(facts, result)]
    names, clusters = [record.id for record in data.scored], data.scored_clusters
    tables = {
        "families": [family_table(list(r.sources.values()), items.families, r.layer) for r in layers],
        "features": [feature_table(r.entries, items, r.layer, r.shared) for r in layers],
        "items": [item_table(list(r.sources.values()), items, names, clusters, r.layer) for r in layers],
    }
    import pandas as pd

    merged = {name: pd.concat(frames, ignore_index=True) for name, frames in tables.items()}
    merged["similarity"], merged["hypotheses"] = similarity_tables(chosen.entries, items, data.clans)
    if facts.groups:
        merged["groups"] = group_table(chosen.sae, items, facts.groups)
        metrics["group_separation"] = _group_separation(merged["groups"])
        rows += _group_rows(facts, chosen)
    return TaskOutcome(
        metrics=metrics,
        used=len(data.train) + len(data.scored),
        basis=Basis(layer=chosen.layer, layer_is_chosen=len(layers) > 1, item_set=item_set),
        draws=_draws(layers),
        table=rows,
        roles={source.name: source.role for source in chosen.sources.values()},
        selected={
            "hardest_floor": chosen.gains["auroc"].hardest,
            "families": list(items.families),
            "eligible_families": data.eligible,
            "aggregation": facts.aggregation,
            "aggregation_select_auroc": dict(facts.aggregation_scores),
            "window": data.window,
            "longest": facts.longest,
            "train_sequences": len(data.train),
            "train_nucleotides": facts.train_nucleotides,
            "select_sequences": len(items.select),
            "test_sequences": len(items.test),
        },
        skipped=data.skipped,
        warnings=[
            *layer_warnings(failures, {result.layer: result.quality for result in layers}),
            *frozen_warnings(chosen.sources, chosen.stable),
        ],
        notes=[*_notes(facts, chosen), *without_interval(metrics)],
        highlights=_highlights(chosen, items.families, facts.family_names),
        items=merged.pop("items"),
        tables=merged,
    )


def layer_failures(layers: Sequence[LayerResult], items: Items) -> dict[int, str | None]:
    """Why the autoencoders of each layer failed, None where they did not."""
    rows_scored = np.concatenate([items.select, items.test])
    return {
        result.layer: why_failed(result.quality, (entry.matrix(rows_scored) for entry in result.entries))
        for result in layers
    }


def _metrics(result: LayerResult) -> dict[str, Metric]:
    sae = result.sae
    return {
        "auroc_macro": metric(sae.macro.auroc, "AUROC", within=SHARE),
        **_stable_metrics(result),
        "mcc_macro": metric(sae.macro.mcc, "MCC at prevalence 1/40", within=CORRELATION),
        **gain_metrics(result.gains),
        "f1_macro": metric(sae.macro.f1, "F1 at prevalence 1/40", within=SHARE),
        "average_precision_macro": metric(
            over_families(sae.family_mean("average_precision")), "at prevalence 1/40", within=SHARE
        ),
        "coverage": metric(over_families(sae.coverage), "share of families with F1 ≥ 0.5 and q < 0.05", within=SHARE),
    }


def _stable_metrics(result: LayerResult) -> dict[str, Metric]:
    """Of stable features alone; none with one seed, and no value where a seed has no stable feature."""
    if result.shared is None:
        return {}
    auroc, mcc = (None, None) if result.stable is None else (result.stable.macro.auroc, result.stable.macro.mcc)
    rule = "features with cosine > 0.7 in every pair of seeds"
    return {
        "auroc_macro_stable": metric(auroc, f"AUROC, {rule}", within=SHARE),
        "mcc_macro_stable": metric(mcc, f"MCC at prevalence 1/40, {rule}", within=CORRELATION),
    }


def _diagnostics(facts: CellFacts, result: LayerResult) -> dict[str, Metric]:
    """What the features are beyond composition, how selective they are, and how many are needed."""
    items = facts.data.items
    sequences = [record.sequence for record in facts.data.scored]
    fit_letters, held_letters = ([sequences[row] for row in rows] for rows in (items.select, items.test))
    matched, gains, taus, information, probes, nulls = [], [], [], [], [], []
    for seed in result.sae.seeds:
        fit, held = seed.scores.select, seed.scores.test
        matched.append(matched_auroc(seed.choice, held, items.test_member, held_letters))
        gains.append(
            gain_over_composition(
                seed.choice, fit, items.select_member, fit_letters, held, items.test_member, held_letters
            ).gain
        )
        activity = selectivity(held, items.test_member)
        taus.append(activity.median_tau)
        information.append(activity.median_information)
        probes.append(sparse_probes(fit, items.select_member, held, items.test_member))
        nulls.append(float(np.quantile(null_of_maximum(fit, items.select_member), 0.95, axis=0).mean()))
    dense = result.sources["dense-probe"].family_mean("auroc")
    shares = np.array([share_of_dense(probe, dense) for probe in probes])
    found = {
        "auroc_matched": metric(
            over_families(np.mean([match.auroc for match in matched], axis=0)),
            "AUROC, negatives matched in length and GC",
            within=SHARE,
        ),
        "auroc_matched_length": metric(
            over_families(np.mean([match.length for match in matched], axis=0)),
            "AUROC of length on the same pairs",
            None,
            SHARE,
        ),
        "auroc_matched_gc": metric(
            over_families(np.mean([match.gc for match in matched], axis=0)),
            "AUROC of GC on the same pairs",
            None,
            SHARE,
        ),
        "gain_over_composition": metric(over_families(np.mean(gains, axis=0)), "AUROC over length, GC and 3-mers"),
        "selectivity_tau": metric(over_seeds(taus), "median of live features", within=SHARE),
        "selectivity_information": metric(over_seeds(information), "median of live features", within=SHARE),
        "select_null_95": metric(
            over_seeds(nulls), "select AUROC of the best feature under shuffled labels", None, SHARE
        ),
    }
    for column, size in enumerate(PROBE_SIZES):
        share = over_seeds(shares[:, column].tolist())
        found[f"probe_{size}_share"] = metric(share, f"share of the dense probe, {size} features")
    return found


def _rows(facts: CellFacts, result: LayerResult) -> Iterator[TableRow]:
    layer = result.layer
    for source in result.sources.values():
        yield from _source_rows(source, layer)
        yield TableRow(name="candidates", source=source.name, layer=layer, value=source.seeds[0].candidates)
        yield table_row("coverage", over_families(source.coverage), source.name, layer, within=SHARE)
        for seed in source.seeds:
            for name, values in (("auroc_macro", seed.held_out.auroc), ("mcc_macro", seed.held_out.mcc)):
                yield TableRow(
                    name=name,
                    source=source.name,
                    layer=layer,
                    seed=seed.scores.seed,
                    stratum="one seed",
                    value=float(values.mean()),
                )
    for source in result.equal.values():
        yield from _source_rows(source, layer, f"equal candidates ({result.budget})")
    for aggregation, sources in result.aggregations.items():
        for source in sources:
            yield from _source_rows(source, layer, aggregation)
    for name, value in (result.quality | _stable_metrics(result)).items():
        yield table_row(name, value, "sae", layer)
    yield from gain_rows(result.gains, layer)


def _source_rows(source: SourceScores, layer: int, stratum: str = "") -> Iterator[TableRow]:
    for name, estimate in _estimates(source).items():
        yield table_row(name, estimate, source.name, layer, stratum, within=_RANGES[name])


def _estimates(source: SourceScores) -> dict[str, Estimate]:
    return {"auroc_macro": source.macro.auroc, "mcc_macro": source.macro.mcc, "f1_macro": source.macro.f1}


_RANGES = {"auroc_macro": SHARE, "mcc_macro": CORRELATION, "f1_macro": SHARE}


def _draws(layers: Sequence[LayerResult]) -> dict[Place, Estimate]:
    """Of every source at every layer: features of the model, also the stable ones alone, floors, ablations,
    reference."""
    found = {
        Place(name, source.name, result.layer): estimate
        for result in layers
        for source in result.sources.values()
        for name, estimate in _estimates(source).items()
    }
    stable = {
        Place(f"{name}_stable", "sae", result.layer): estimate
        for result in layers
        if result.stable is not None
        for name, estimate in _estimates(result.stable).items()
        if name != "f1_macro"
    }
    return found | stable


def _group_separation(table: pd.DataFrame) -> Metric:
    best = table.drop_duplicates("seed").test_auroc
    return metric(over_seeds(best.tolist()), "AUROC over pairs of families of two groups, one feature", within=SHARE)


def _group_rows(facts: CellFacts, result: LayerResult) -> Iterator[TableRow]:
    """What the controls reach on the same groups; a probe fitted to select has nothing to choose there."""
    for source in result.sources.values():
        if source.role != "reference":
            table = group_table(source, facts.data.items, facts.groups)
            yield table_row("group_separation", _group_separation(table), source.name, result.layer)


def _group_note(groups: Sequence[Sequence[int]]) -> str:
    """How small the p of a comparison can get: two groups of one size are the same grouping when they are swapped."""
    first, second = (len(group) for group in groups)
    ways = comb(first + second, first) // (2 if first == second else 1)
    return (
        f"groups of {first} and {second} families can be drawn in {ways:,} ways: p cannot be below about {1 / ways:.2g}"
    )


def _highlights(result: LayerResult, families: Sequence[str], names: Mapping[str, str]) -> Highlights:
    """The features of the first seed that tell their family best, by MCC on test."""
    seed = result.sae.seeds[0]
    held = seed.held_out
    order = np.lexsort((-held.auroc, -held.mcc))[:BEST_FEATURES]
    rows = tuple(
        (
            f"{families[c]} {names.get(families[c], '')}".strip(),
            f"{'-' if seed.choice.sign[c] < 0 else ''}{seed.scores.feature_name(int(seed.choice.feature[c]))}",
            f"{held.auroc[c]:.3f}",
            f"{held.mcc[c]:.3f}",
            f"{held.f1[c]:.3f}",
            f"{held.q[c]:.1g}",
        )
        for c in order
    )
    title = f"Best features of seed {seed.scores.seed}, layer {result.layer}: chosen on select, scored on test"
    return Highlights(title=title, columns=("family", "feature", "AUROC", "MCC", "F1", "q"), rows=rows)


def _aggregation_note(facts: CellFacts) -> str:
    worth = facts.aggregation_scores
    if len(worth) == 1:
        return f"the score of a sequence is its {facts.aggregation}, as asked for"
    words = {MEAN: "the mean over the sequence", WINDOW: f"the largest activation in {facts.data.window} nt"}
    (other,) = set(words) - {facts.aggregation}
    return (
        f"scores are {words[facts.aggregation]} rather than {words[other]}: chosen for all sources together on select, "
        f"where their mean AUROC is {worth[facts.aggregation]:.3f} against {worth[other]:.3f}"
    )


def _notes(facts: CellFacts, result: LayerResult) -> list[str]:
    data, items, card = facts.data, facts.data.items, facts.card
    positives = len(items.test) // items.count
    smallest = minimum_detectable_difference(items.count, positives)
    standard = facts.standardisation[result.layer]
    position = "unknown" if standard.position_share is None else f"{standard.position_share:.1%}"
    notes = [
        f"{items.count} of {data.eligible} eligible families, {len(items.test)} test sequences, one per cluster; a "
        f"difference of {smallest:.3f} in macro AUROC between two models would be detected with 80 % power",
        *gain_notes(result.sae, list(result.sources.values()), result.gains),
        _aggregation_note(facts),
        f"norm of the mean over norm of the deviations: {standard.centre_ratio:.1f}; position alone explains "
        f"{position} of the variance",
    ]
    if result.sae.macro.auroc.note:
        notes.append(result.sae.macro.auroc.note)
    if facts.groups:
        notes.append(_group_note(facts.groups))
    if "sae-random-lm" not in result.sources:
        notes.append(f"{card.name} has no random twin: the most informative control is missing")
    return notes
