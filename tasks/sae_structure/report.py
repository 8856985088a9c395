"""From scored sources to the outcome of a cell: metrics of the chosen layer, rows for everything else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from harness.activations.standardisation import Standardisation
from harness.adapter import ModelCard
from harness.statistics.bootstrap import Estimate
from harness.statistics.gains import Gain
from harness.task import Basis, Highlights, Metric, Place, TableRow, TaskOutcome
from tasks.common import CORRELATION, SHARE, metric, over_seeds, table_row, without_interval
from tasks.sae.depth import MODEL, TWINS, AtLayer
from tasks.sae.failures import layer_warnings, why_failed, without_stability
from tasks.sae.gains import frozen_warnings, gain_metrics, gain_notes, gain_rows, gains
from tasks.sae.split_quality import SharedFeatures
from tasks.sae_structure.choices import ALL, EQUAL, STABLE, Entry
from tasks.sae_structure.data import StructuredRnas
from tasks.sae_structure.nucleotides import ELEMENTS, HEADLINE
from tasks.sae_structure.scores import Part, SourceScores

if TYPE_CHECKING:
    import pandas as pd

RANGES = {
    **dict.fromkeys(("mcc", "mcc_rna", "shuffle_response"), CORRELATION),
    "enrichment": (0.0, float("inf")),
}
"""What a measure can be, where that is not a share."""
UNITS = {
    "mcc": "MCC over all nucleotides",
    "auroc": "AUROC over all nucleotides",
    "f1": "F1 over all nucleotides",
    "average_precision": "average precision over all nucleotides",
    "mcc_rna": "MCC within RNAs",
    "attainable_mcc": "largest MCC that so many calls can have",
    "enrichment": "precision over prevalence",
    "element_f1": "F1 of whole elements",
    "conditional_auroc": "AUROC among nucleotides of one base",
    "context_auroc": "AUROC among nucleotides of one trinucleotide and distance to the end",
}
FURTHER_UNITS = {
    "pair_lift": "of the stem feature: share of active nucleotides whose partner is active, over that at the same "
    "distance without pairing",
    "shuffle_response": "(real - dinucleotide-shuffled) / (real + shuffled) of active nucleotides",
}


@dataclass(frozen=True)
class CellFacts:
    """What the report says of a cell beside its scores. ``choosing``: nucleotides that choose."""

    data: StructuredRnas
    longest: int
    train_nucleotides: int
    card: ModelCard
    standardisation: Mapping[int, Standardisation]
    elements: tuple[str, ...]
    parts: Mapping[str, Part]
    choosing: int

    @property
    def headline_part(self) -> str:
        """New families, where there are enough of them."""
        return list(self.parts)[-1]


@dataclass(frozen=True)
class LayerResult:
    """Everything scored at one layer. ``scored`` holds the sources by what was chosen from and by part of test.

    ``further`` holds measure -> source -> estimate on the part of the headline.
    """

    layer: int
    scored: Mapping[tuple[str, str], dict[str, SourceScores]]
    budget: int
    entries: Sequence[Entry]
    quality: dict[str, Metric]
    shared: SharedFeatures | None
    further: Mapping[str, Mapping[str, Estimate]]

    @property
    def headline_part(self) -> str:
        return next(reversed([part for _, part in self.scored]))

    @property
    def sources(self) -> dict[str, SourceScores]:
        return self.scored[ALL, self.headline_part]

    @property
    def sae(self) -> SourceScores:
        return self.sources["sae"]

    @property
    def stable(self) -> SourceScores | None:
        """With stable features alone as candidates; None where a seed has none."""
        return self.scored[STABLE, self.headline_part].get("sae")

    @property
    def select_mcc(self) -> float:
        return float(np.mean([entry.select_mcc for entry in self.entries]))

    @cached_property
    def gains(self) -> dict[str, Gain]:
        return gains(self.sae, self.sources.values())


def report(facts: CellFacts, layers: Sequence[LayerResult], item_set: str) -> TaskOutcome:
    """The outcome. The headline layer is the one whose features do best on select; test plays no part."""
    failures = layer_failures(layers)
    quality = {r.layer: without_stability(r.quality) if failures[r.layer] else r.quality for r in layers}
    chosen = layers[0] if len(layers) == 1 else max(layers, key=lambda result: result.select_mcc)
    metrics = _metrics(chosen) | quality[chosen.layer] | _null(chosen) | _further(chosen)
    return TaskOutcome(
        metrics=metrics,
        used=len(facts.data.used),
        basis=Basis(layer=chosen.layer, layer_is_chosen=len(layers) > 1, item_set=item_set),
        draws=_draws(layers),
        table=[row for result in layers for row in _rows(result, quality[result.layer])],
        roles={source.name: source.role for source in chosen.sources.values()},
        selected={
            "hardest_floor": chosen.gains["mcc"].hardest,
            "elements": list(facts.elements),
            "headline_part": facts.headline_part,
            "parts": {name: {"rnas": part.rnas, "units": part.units} for name, part in facts.parts.items()},
            "split": facts.data.split,
            "longest": facts.longest,
            "train_sequences": len(facts.data.train),
            "train_nucleotides": facts.train_nucleotides,
            "select_sequences": len(facts.data.select),
            "choosing_nucleotides": facts.choosing,
            "test_sequences": len(facts.data.test),
        },
        skipped=facts.data.skipped,
        warnings=[
            *layer_warnings(failures, quality),
            *frozen_warnings(chosen.sources, chosen.stable),
        ],
        notes=[*_notes(facts, chosen), *without_interval(metrics)],
        highlights=_highlights(chosen),
    )


def layer_failures(layers: Sequence[LayerResult]) -> dict[int, str | None]:
    """Why the autoencoders of each layer failed, None where they did not."""
    return {result.layer: why_failed(result.quality, ()) for result in layers}


def numbers_by_layer(layers: Sequence[LayerResult]) -> Iterator[AtLayer]:
    """The headline of every source, and every element of the model and of its random twins, on the headline's part."""
    for result in layers:
        for source in result.sources.values():
            yield AtLayer.of("mcc_macro", source.name, result.layer, _macro(source, "mcc"), within=CORRELATION)
            if source.name in (MODEL, TWINS):
                for c, element in enumerate(source.part.elements):
                    own = source.estimate("mcc", [c])
                    yield AtLayer.of("mcc", source.name, result.layer, own, ELEMENTS[element], CORRELATION)


def _macro(source: SourceScores, measure: str) -> Estimate:
    return source.estimate(measure, source.part.headline)


def _macro_name(measure: str) -> str:
    own = ("element_f1", "conditional_auroc", "context_auroc", "attainable_mcc", "enrichment")
    return measure if measure in own else f"{measure}_macro"


def _metrics(result: LayerResult) -> dict[str, Metric]:
    found = {
        _macro_name(measure): metric(
            _macro(result.sae, measure), f"{unit}, mean of {_names(result.sae.part)}", within=RANGES.get(measure, SHARE)
        )
        for measure, unit in UNITS.items()
    }
    parts = {part for _, part in result.scored} - {result.headline_part}
    for part in parts:
        own = result.scored[ALL, part]["sae"]
        found[f"mcc_macro_{part}"] = metric(_macro(own, "mcc"), f"{UNITS['mcc']}, {part} RNAs", within=CORRELATION)
    return found | _stable_metrics(result) | gain_metrics(result.gains)


def _stable_metrics(result: LayerResult) -> dict[str, Metric]:
    """Of stable features alone; none with one seed, and no value where a seed has no stable feature."""
    if result.shared is None:
        return {}
    stable = None if result.stable is None else _macro(result.stable, "mcc")
    return {
        "mcc_macro_stable": metric(stable, "MCC, features with cosine > 0.7 in every pair of seeds", within=CORRELATION)
    }


def _null(result: LayerResult) -> dict[str, Metric]:
    headline = result.sae.part.headline
    chance = [float(np.quantile(entry.null[:, headline], 0.95, axis=0).mean()) for entry in result.entries]
    unit = "select MCC of the best feature where labels are moved along the nucleotides"
    return {"select_null_95": metric(over_seeds(chance), unit, None, CORRELATION)}


def _further(result: LayerResult) -> dict[str, Metric]:
    return {
        name: metric(found.get("sae"), FURTHER_UNITS[name], within=RANGES.get(name))
        for name, found in result.further.items()
    }


def tract_metric(features: pd.DataFrame, layer: int | None) -> Metric:
    """How many features of the layer mark runs of one base, mean over seeds."""
    own = features[features["layer"] == layer]
    counts = (own["tract"] != "").groupby(own["seed"]).sum()
    return metric(over_seeds(counts.tolist()), "features with half of their activity in runs of one base", None)


def _names(part: Part) -> str:
    return ", ".join(part.elements[c] for c in part.headline)


def _rows(result: LayerResult, quality: Mapping[str, Metric]) -> Iterator[TableRow]:
    layer = result.layer
    for (kind, part), sources in result.scored.items():
        shown = "" if part == result.headline_part else part
        place = ", ".join(filter(None, (f"{kind} ({result.budget})" if kind == EQUAL else kind, shown)))
        for source in sources.values():
            for measure in source.seeds[0].values:
                within = RANGES.get(measure, SHARE)
                yield table_row(_macro_name(measure), _macro(source, measure), source.name, layer, place, within=within)
                if kind == ALL:
                    yield from _element_rows(source, measure, layer, shown)
            if kind == ALL:
                yield from _seed_rows(source, layer, shown)
    for source in result.sources.values():
        yield TableRow(name="candidates", source=source.name, layer=layer, value=source.seeds[0].candidates)
    for name, value in (dict(quality) | _stable_metrics(result)).items():
        yield table_row(name, value, "sae", layer)
    yield from gain_rows(result.gains, layer)
    for name, found in result.further.items():
        for source_name, estimate in found.items():
            yield table_row(name, estimate, source_name, layer, within=RANGES.get(name))


def _element_rows(source: SourceScores, measure: str, layer: int, part: str) -> Iterator[TableRow]:
    for c, element in enumerate(source.part.elements):
        stratum = ", ".join(filter(None, (ELEMENTS[element], part)))
        estimate = source.estimate(measure, [c])
        yield table_row(measure, estimate, source.name, layer, stratum, within=RANGES.get(measure, SHARE))


def _seed_rows(source: SourceScores, layer: int, part: str) -> Iterator[TableRow]:
    for seed in source.seeds:
        value = float(seed.values["mcc"].points[source.part.headline].mean())
        stratum = ", ".join(filter(None, ("one seed", part)))
        yield TableRow(name="mcc_macro", source=source.name, layer=layer, seed=seed.seed, stratum=stratum, value=value)


def _draws(layers: Sequence[LayerResult]) -> dict[Place, Estimate]:
    """Of every source at every layer, and of the stable features alone."""
    found = {
        Place(_macro_name(measure), source.name, result.layer): _macro(source, measure)
        for result in layers
        for source in result.sources.values()
        for measure in ("mcc", "auroc", "f1", "conditional_auroc", "context_auroc", "element_f1")
    }
    further = {
        Place(name, source, result.layer): estimate
        for result in layers
        for name, own in result.further.items()
        for source, estimate in own.items()
    }
    stable = {
        Place("mcc_macro_stable", "sae", result.layer): _macro(result.stable, "mcc")
        for result in layers
        if result.stable is not None
    }
    return found | further | stable


def _highlights(result: LayerResult) -> Highlights:
    """The chosen features of the first seed, in the order of the elements."""
    seed = result.sae.seeds[0]
    shown = ("mcc", "auroc", "conditional_auroc", "context_auroc", "element_f1")
    rows = tuple(
        (
            ELEMENTS[element],
            f"{'-' if seed.choice.sign[c] < 0 else ''}{seed.feature_names[c]}",
            *(f"{seed.values[measure].points[c]:.3f}" for measure in shown),
            f"{seed.q[c]:.1g}",
        )
        for c, element in enumerate(result.sae.part.elements)
    )
    title = f"Features of seed {seed.seed}, layer {result.layer}: chosen on select, scored on {result.headline_part}"
    columns = ("element", "feature", "MCC", "AUROC", "same base", "same context", "whole elements F1", "q")
    return Highlights(title=title, columns=columns, rows=rows)


def _notes(facts: CellFacts, result: LayerResult) -> list[str]:
    data, part = facts.data, facts.parts[facts.headline_part]
    standard = facts.standardisation[result.layer]
    position = "unknown" if standard.position_share is None else f"{standard.position_share:.1%}"
    missing = [ELEMENTS[element] for element in HEADLINE if element not in _names(part)]
    notes = [
        f"scored on {part.rnas} of {len(data.test)} test RNAs ({part.name}), in {part.units} families or clusters; "
        f"{int(data.new.sum())} test RNAs belong to a known family that is absent from train and select, and share no "
        "cluster at 80 % identity with them",
        f"{facts.choosing:,} nucleotides of select chose one feature, sign and threshold per element by MCC",
        *gain_notes(result.sae, list(result.sources.values()), result.gains),
        f"norm of the mean over norm of the deviations: {standard.centre_ratio:.1f}; position alone explains "
        f"{position} of the variance",
    ]
    if data.split != "given":
        notes.append(f"splits: {data.split}")
    if missing:
        notes.append(f"too few nucleotides to score: {', '.join(missing)}")
    if result.sae.macro.mcc.note:
        notes.append(result.sae.macro.mcc.note)
    if "sae-random-lm" not in result.sources:
        notes.append(f"{facts.card.name} has no random twin: the most informative control is missing")
    return notes
