"""From scored sources to the outcome of a cell: metrics of the chosen layer, rows for everything else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from harness.activations.standardisation import Standardisation
from harness.adapter import ModelCard
from harness.sequences.motifs import Motif
from harness.statistics.bootstrap import Estimate
from harness.statistics.gains import Gain, smallest_gain
from harness.task import Basis, Highlights, Metric, Place, TableRow, TaskOutcome
from tasks.common import CORRELATION, SHARE, metric, over_seeds, table_row, without_interval
from tasks.sae.failures import layer_warnings, why_failed, without_stability
from tasks.sae.split_quality import SharedFeatures
from tasks.sae_motifs.choices import ALL, EQUAL, STABLE, Claim, Entry
from tasks.sae_motifs.data import MotifSequences
from tasks.sae_motifs.libraries import Library
from tasks.sae_motifs.scores import CONFIRMED, ClaimScore, SourceScores, confirmed

FLOOR = "sae-random-lm"
UNITS = {
    "excess_clusters": "motif clusters matched on select and confirmed on test, less those of permuted libraries",
    "clusters": "motif clusters matched on select and confirmed on test",
    "clusters_null": "the same with permuted libraries, mean",
    "matched_clusters": "motif clusters that a feature matches on select",
    "matched_clusters_null": "the same with permuted libraries, mean",
    "hit_rate": "share of features that match a motif on select",
    "hit_rate_excess": "the same less that of permuted libraries",
}
HIGHER_IS_BETTER = {"clusters_null": None, "matched_clusters_null": None}
COUNT = (0.0, float("inf"))
RANGES = {
    "clusters": COUNT,
    "clusters_null": COUNT,
    "matched_clusters": COUNT,
    "matched_clusters_null": COUNT,
    "hit_rate": SHARE,
    "hit_rate_excess": CORRELATION,
}


@dataclass(frozen=True)
class CellFacts:
    """What the report says of a cell beside its scores. ``units``: clusters of test."""

    data: MotifSequences
    longest: int
    train_nucleotides: int
    card: ModelCard
    standardisation: Mapping[int, Standardisation]
    library: Library
    units: int


@dataclass(frozen=True)
class LayerResult:
    """Everything scored at one layer. ``scored`` holds the sources by what was chosen from; ``entries`` are the trained
    autoencoders with ``scores`` of their claims; ``peaks`` the AUROC of peaks by source, ``matrix`` the reference."""

    layer: int
    scored: Mapping[str, Mapping[str, SourceScores]]
    budget: int
    entries: Sequence[Entry]
    scores: Sequence[Mapping[Claim, ClaimScore]]
    peaks: Mapping[str, Estimate]
    matrix: Motif
    quality: dict[str, Metric]
    shared: SharedFeatures | None

    @property
    def sources(self) -> Mapping[str, SourceScores]:
        """At equal candidates: the headline."""
        return self.scored[EQUAL]

    @property
    def sae(self) -> SourceScores:
        return self.sources["sae"]

    @property
    def stable(self) -> SourceScores | None:
        return self.scored[STABLE].get("sae")

    @property
    def excess_on_select(self) -> float:
        return float(np.mean([entry.excess_on_select() for entry in self.entries]))

    @cached_property
    def gains(self) -> dict[str, Gain]:
        """Over the random twins, where there are any."""
        if FLOOR not in self.sources:
            return {}
        excess = {name: self.sources[name].estimates["excess_clusters"] for name in ("sae", FLOOR)}
        return {
            "gain_excess": smallest_gain(excess["sae"], {FLOOR: excess[FLOOR]}),
            "gain_peak": smallest_gain(self.peaks["sae"], {FLOOR: self.peaks[FLOOR]}),
        }


def report(facts: CellFacts, layers: Sequence[LayerResult], item_set: str) -> TaskOutcome:
    """The outcome. The headline layer is the one whose features match most on select; test plays no part."""
    failures = {result.layer: why_failed(result.quality, ()) for result in layers}
    quality = {r.layer: without_stability(r.quality) if failures[r.layer] else r.quality for r in layers}
    chosen = layers[0] if len(layers) == 1 else max(layers, key=lambda result: result.excess_on_select)
    metrics = _metrics(chosen) | quality[chosen.layer]
    return TaskOutcome(
        metrics=metrics,
        used=len(facts.data.used),
        basis=Basis(layer=chosen.layer, layer_is_chosen=len(layers) > 1, item_set=item_set),
        draws=_draws(layers),
        table=[row for result in layers for row in _rows(result, quality[result.layer])],
        roles={**{name: source.role for name, source in chosen.sources.items()}, "motif-matrix": "reference"},
        selected={
            "library": facts.library.name,
            "library_motifs": len(facts.library.motifs),
            "library_clusters": len(set(facts.library.clusters.tolist())),
            "equal_candidates": chosen.budget,
            "peak_matrix": f"{chosen.matrix.id} {chosen.matrix.name}",
            "split": facts.data.split,
            "longest": facts.longest,
            "train_sequences": len(facts.data.train),
            "train_nucleotides": facts.train_nucleotides,
            "select_sequences": len(facts.data.select),
            "test_sequences": len(facts.data.test),
        },
        skipped=facts.data.skipped,
        warnings=list(layer_warnings(failures, quality)),
        notes=[*_notes(facts, chosen), *without_interval(metrics)],
        highlights=_highlights(facts, chosen),
    )


def _metrics(result: LayerResult) -> dict[str, Metric]:
    found = {
        name: metric(estimate, UNITS[name], HIGHER_IS_BETTER.get(name, True), RANGES.get(name))
        for name, estimate in result.sae.estimates.items()
    }
    found["excess_clusters_all"] = metric(
        result.scored[ALL]["sae"].estimates["excess_clusters"], f"{UNITS['excess_clusters']}; all features"
    )
    if result.shared is not None:
        stable = None if result.stable is None else result.stable.estimates["excess_clusters"]
        unit = "motif clusters over permuted libraries, features with cosine > 0.7 in every pair of seeds"
        found["excess_clusters_stable"] = metric(stable, unit)
    live = over_seeds([float(entry.live.mean()) for entry in result.entries])
    found["live_share"] = metric(live, "share of features active in 20 select sequences or more", None, SHARE)
    found["peak_auroc"] = metric(
        result.peaks["sae"], "AUROC of one feature, sequences against their dinucleotide shuffles", within=SHARE
    )
    return found | _gain_metrics(result)


def _gain_metrics(result: LayerResult) -> dict[str, Metric]:
    units = {"gain_excess": "motif clusters over chance", "gain_peak": "AUROC of sequences"}
    within = {"gain_peak": CORRELATION}
    return {
        name: metric(gain.smallest, f"{units[name]}, gain over random twins", within=within.get(name))
        for name, gain in result.gains.items()
    }


def _rows(result: LayerResult, quality: Mapping[str, Metric]) -> Iterator[TableRow]:
    layer = result.layer
    for kind, sources in result.scored.items():
        stratum = {EQUAL: "", ALL: "all features"}.get(kind, kind)
        for source in sources.values():
            for name, estimate in source.estimates.items():
                yield table_row(name, estimate, source.name, layer, stratum, within=RANGES.get(name))
    for name, estimate in result.peaks.items():
        yield table_row("peak_auroc", estimate, name, layer, within=SHARE)
    for source in result.scored[ALL].values():
        yield TableRow(name="candidates", source=source.name, layer=layer, value=source.candidates)
    for name, value in (dict(quality) | _gain_metrics(result)).items():
        yield table_row(name, value, "sae", layer)


def _draws(layers: Sequence[LayerResult]) -> dict[Place, Estimate]:
    found = {
        Place(name, source.name, result.layer): source.estimates[name]
        for result in layers
        for source in result.sources.values()
        for name in ("excess_clusters", "clusters", "clusters_null")
    }
    peaks = {Place("peak_auroc", name, r.layer): estimate for r in layers for name, estimate in r.peaks.items()}
    stable = {
        Place("excess_clusters_stable", "sae", result.layer): result.stable.estimates["excess_clusters"]
        for result in layers
        if result.stable is not None
    }
    return found | peaks | stable


def _highlights(facts: CellFacts, result: LayerResult) -> Highlights:
    """What the features of the first seed match, the best match first."""
    entry, scores = result.entries[0], result.scores[0]
    claims = entry.rounds[ALL][0].claims[0]
    rows = []
    if claims:
        own = [scores[claim] for claim in claims]
        q, held, _ = confirmed(own)
        p = {f: entry.matches[0].p[place] for place, f in enumerate(entry.with_motif)}
        found = sorted(zip(claims, own, q, held, strict=True), key=lambda row: (p[row[0].feature], row[0]))
        for claim, score, q_value, is_confirmed in found:
            motif = facts.library.motifs[claim.motif]
            auroc = "–" if np.isnan(score.auroc) else f"{score.auroc:.3f}"
            rows.append(
                (
                    f"{motif.name} ({motif.id}{', other strand' if claim.strand < 0 else ''})",
                    entry.source.feature_name(claim.feature),
                    f"{p[claim.feature]:.1g}",
                    str(score.sites),
                    auroc,
                    f"{q_value:.1g}",
                    "yes" if is_confirmed else "no",
                )
            )
    title = f"Motifs that features of seed {entry.seed}, layer {result.layer} match on select, and held-out sites"
    columns = ("motif", "feature", "match p", "sites", "AUROC", "q", "confirmed")
    return Highlights(title=title, columns=columns, rows=tuple(rows))


def _notes(facts: CellFacts, result: LayerResult) -> list[str]:
    data, standard = facts.data, facts.standardisation[result.layer]
    library = facts.library
    position = "unknown" if standard.position_share is None else f"{standard.position_share:.1%}"
    strands = "either strand" if library.both_strands else "forward strand only"
    notes = [
        f"motifs of {len(data.select):,} select sequences, matched with {len(library.motifs)} motifs in "
        f"{len(set(library.clusters.tolist()))} clusters ({library.source}; {strands}), confirmed on "
        f"{len(data.test):,} test sequences in {facts.units:,} clusters",
        f"a match is confirmed at AUROC > {CONFIRMED} and q < 0.05 at sites against the same places of "
        f"dinucleotide-shuffled sequences; every source has at most "
        f"{result.budget} candidate features",
        _words(result),
        f"AUROC of sequences against shuffles: model {result.peaks['sae'].value:.3f}, "
        f"the matrix {result.matrix.id} {result.matrix.name} {result.peaks['motif-matrix'].value:.3f}",
        f"norm of the mean over norm of the deviations: {standard.centre_ratio:.1f}; position alone explains "
        f"{position} of the variance",
    ]
    if data.split != "given":
        notes.append(f"splits: {data.split}")
    if result.sae.estimates["clusters"].note:
        notes.append(result.sae.estimates["clusters"].note)
    if FLOOR not in result.sources:
        notes.append(f"{facts.card.name} has no random twin: the most informative control is missing")
    for name, gain in result.gains.items():
        what = "motif clusters" if name == "gain_excess" else "AUROC of sequences"
        if gain.smallest.value < 0:
            notes.append(f"random twins beat the model in {what}")
        if gain.smallest.low <= 0 <= gain.smallest.high:
            notes.append(f"the model is not above its random twins with certainty in {what}")
    return notes


def _words(result: LayerResult) -> str:
    ours = result.sae.estimates["excess_clusters"].value
    equal = result.sources["kmer"].estimates["excess_clusters"].value
    every = result.scored[ALL]["kmer"].estimates["excess_clusters"].value
    return (
        f"k-mers name short motifs by construction: {every:.1f} motif clusters over chance with all "
        f"{result.scored[ALL]['kmer'].candidates:,} of them, {equal:.1f} at as many candidates as the model, which has "
        f"{ours:.1f}"
    )
