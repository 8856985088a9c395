"""From estimates to the outcome of a cell: metrics of the last layer, rows for everything else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from harness.adapter import ModelCard
from harness.statistics.bootstrap import Estimate
from harness.task import Basis, Highlights, Metric, Place, TableRow, TaskOutcome
from tasks.common import CORRELATION, SHARE, metric, table_row
from tasks.overlap_ratio.data import ComparedFamilies
from tasks.overlap_ratio.embeddings import VARIANTS
from tasks.overlap_ratio.intervals import ScoredPairs
from tasks.overlap_ratio.pairs import Pairs
from tasks.overlap_ratio.settings import OverlapRatioSettings

Estimates = Mapping[str, Estimate]
Key = tuple[str, int | None, str]
"""Variant, layer, stratum."""

ALL, CHOOSING, HALF = "all families", "validation half of the families", "test half of the families"
CENTRED, WHITENED = "test half, centred on the other half", "test half, whitened on the other half"
BY_HALF = "by_half"
MOST_CONFUSED = 8

_UNITS = {
    "overlap_ratio_histogram": ("overlap of histograms instead of densities", False),
    "auroc": ("P(homologous pair more similar than another)", True),
    "overlap_coefficient": ("shared area of the two densities", False),
    "best_f1": ("best threshold, equally many pairs of both kinds", True),
    "mcc": ("best threshold, equally many pairs of both kinds", True),
    "difference_of_means": ("similarity, homologous minus other pairs", True),
    "difference_of_medians": ("similarity, homologous minus other pairs", True),
}
_RATIO = "overlap ratio of densities; 0: separate, 1: identical"
_OF_COSINES = (-2.0, 2.0)


@dataclass(frozen=True)
class Scores:
    """Estimates of every variant, layer and stratum; the layer of the headline, and the best one on validation.

    ``candidates`` are the layers that were compared on validation, none if there are too few families for two halves.
    """

    found: Mapping[Key, Estimates]
    layer: int | None
    best: int | None
    candidates: tuple[int | None, ...]

    @property
    def compared(self) -> bool:
        """Whether there is a best layer: of several, or of a model that has none to choose from."""
        return self.candidates == (None,) or len(self.candidates) > 1


def outcome(
    scores: Scores,
    data: ComparedFamilies,
    families: pd.DataFrame,
    card: ModelCard,
    settings: OverlapRatioSettings,
    item_set: str,
) -> TaskOutcome:
    """The outcome without triplets and tables of pairs."""
    selected: dict[str, object] = {
        "families": len(data.families),
        "validation_families": int(data.validation.sum()),
    }
    if scores.best is not None and scores.compared:
        selected["best_layer"] = scores.best
    return TaskOutcome(
        metrics=_metrics(scores, card),
        used=len(data.records),
        basis=Basis(layer=scores.layer, item_set=item_set),
        draws=_draws(scores),
        table=list(_rows(scores, card)),
        roles={variant: card.role for variant, _, _ in scores.found},
        selected=selected,
        skipped=data.skipped,
        notes=_notes(scores, data, families, settings),
        highlights=_highlights(families),
        items=_items(families, scores.layer),
        tables={"families": families},
    )


def _metrics(scores: Scores, card: ModelCard) -> dict[str, Metric]:
    """The ratio of every variant; for the headline variant everything else too."""
    metrics = {}
    for variant in VARIANTS:
        if (own := scores.found.get((variant, scores.layer, ALL))) is not None:
            name = f"overlap_ratio_{variant.replace('-', '_')}"
            metrics[name] = metric(own["overlap_ratio"], f"{_RATIO}; {_meaning(variant, scores.layer)}", False, SHARE)
    for name, stratum in (("centred", CENTRED), ("whitened", WHITENED)):
        if (own := scores.found.get(("mean", scores.layer, stratum))) is not None:
            metrics[f"overlap_ratio_{name}"] = metric(own["overlap_ratio"], f"{_RATIO}; {stratum}", False, SHARE)
    if (own := scores.found.get(("mean", scores.best, HALF))) is not None and scores.compared:
        about = f"{_RATIO}; {HALF}, layer chosen on the other half (models without layers: as they are)"
        metrics["overlap_ratio_best_layer"] = metric(own["overlap_ratio"], about, False, SHARE)
    headline = scores.found["mean", scores.layer, ALL]
    return metrics | {name: metric(headline[name], *about, within=_range(name, card)) for name, about in _UNITS.items()}


def _range(name: str, card: ModelCard) -> tuple[float, float] | None:
    """What a number can be; a difference of distances has no end."""
    if name.startswith("difference"):
        own = card.capabilities & {"hidden_states", "similarity"}
        cosines = "hidden_states" in own or (not own and card.vectors_compared_by == "angle")
        return _OF_COSINES if cosines else None
    return CORRELATION if name == "mcc" else SHARE


def _draws(scores: Scores) -> dict[Place, Estimate]:
    """Of the ratio of every variant, layer and stratum, and of all measures of the headline."""
    return {
        Place(name, variant, layer, stratum): estimate
        for (variant, layer, stratum), own in scores.found.items()
        for name, estimate in own.items()
        if name == "overlap_ratio" or (variant, layer, stratum) == ("mean", scores.layer, ALL)
    }


def _meaning(variant: str, layer: int | None) -> str:
    if layer is None:
        return "of the model's own vectors or similarity"
    return {
        "mean": "mean over nucleotides",
        "review-fft": "first 128 numbers of the first nucleotide",
        "review-fft-leading": "first 128 numbers of the leading special token",
        "dct": "8 × 16 lowest frequencies",
    }[variant]


def _rows(scores: Scores, card: ModelCard) -> Iterator[TableRow]:
    for (variant, layer, stratum), estimates in scores.found.items():
        for name, estimate in estimates.items():
            yield table_row(name, estimate, variant, layer, stratum, within=_range(name, card))
    places = {"last layer": scores.layer} | ({"best layer": scores.best} if scores.compared else {})
    for which, layer in places.items():
        yield from _by_half(scores, layer, which)


def _by_half(scores: Scores, layer: int | None, which: str) -> Iterator[TableRow]:
    """Families that chose the best layer beside those that chose nothing: what the choice itself gained, if anything.

    The last layer is not chosen, so that its halves differ by chance alone. A model without layers is both, as it is.
    """
    halves = [scores.found.get(("mean", layer, stratum)) for stratum in (CHOOSING, HALF)]
    if halves[0] is not None and halves[1] is not None:
        used, held_out = (half["overlap_ratio"] for half in halves if half is not None)
        change = Estimate(held_out.value - used.value, held_out.draws - used.draws, min(used.n, held_out.n))
        for name, words, estimate, within in (
            ("overlap_ratio", "validation half", used, SHARE),
            ("overlap_ratio", "test half", held_out, SHARE),
            ("difference", "test half less validation half", change, CORRELATION),
        ):
            yield table_row(f"{name}_{BY_HALF}", estimate, "mean", layer, f"{words}, {which}", within=within)


def _notes(
    scores: Scores,
    data: ComparedFamilies,
    families: pd.DataFrame,
    settings: OverlapRatioSettings,
) -> list[str]:
    count = len(settings.seeds)
    notes = [
        f"{len(data.families):,} families, {len(data.records):,} sequences, {settings.pair_count:,} pairs of either "
        f"kind, drawn {count} {'time' if count == 1 else 'times'}; intervals are over families",
        f"{families['confused'].mean():.0%} of the families are at least as similar to another family as to themselves",
    ]
    if settings.pairs == "review":
        notes.append("pairs drawn as in the review: 'non-homologous' pairs may share a family, which limits the ratio")
    elif settings.pairs == "review-rfam":
        notes.append("pairs drawn as in the review on Rfam: 'non-homologous' pairs may share a clan or a sequence")
    if not scores.candidates:
        notes.append("too few families for a validation and a test half: no centred or best-layer numbers")
    elif scores.compared and scores.best is not None:
        notes.append(
            f"layer {scores.best} does best on the validation half, of {len(scores.candidates)} layers: "
            "overlap_ratio_best_layer is its ratio on the other half"
        )
    return notes


def _highlights(families: pd.DataFrame) -> Highlights:
    """The families whose nearest neighbour is closest, as against their own members."""
    known = families.assign(margin=families["within"] - families["nearest_similarity"]).dropna(subset="margin")
    rows = known.sort_values("margin", kind="stable").head(MOST_CONFUSED)
    return Highlights(
        title="Families most confused with another, by mean similarity",
        columns=("family", "within", "nearest", "similarity to it", "AUROC"),
        rows=tuple(
            (
                f"{row.family} {row.name}".strip(),
                f"{row.within:.3f}",
                str(row.nearest),
                f"{row.nearest_similarity:.3f}",
                f"{row.auroc:.3f}",
            )
            for row in rows.itertuples(index=False)
        ),
    )


def _items(families: pd.DataFrame, layer: int | None) -> pd.DataFrame:
    """A family is an item."""
    names = families["family"].tolist()
    frames = [
        item_rows(names, families[name].tolist(), name, "mean", layer)
        for name in ("within", "others", "nearest_similarity", "auroc")
    ]
    return pd.concat(frames, ignore_index=True).dropna(subset="value")


def item_rows(
    families: Sequence[str], values: Sequence[float], name: str, source: str, layer: int | None
) -> pd.DataFrame:
    """Long form: one row per family."""
    frame = pd.DataFrame({"item": families, "family": families, "metric": name, "source": source}, dtype="str")
    return frame.assign(layer=pd.array([layer] * len(families), dtype="Int64"), value=np.asarray(values, np.float64))


def pair_table(
    data: ComparedFamilies, repeats: Sequence[Pairs], scored: Mapping[str, Sequence[ScoredPairs]]
) -> pd.DataFrame:
    """Every pair of every drawing with its similarities, enough to compute all statistics again."""
    names = pd.Index([record.id for record in data.records])
    frames = []
    for repeat, pairs in enumerate(repeats):
        for kind, part in (("homologous", pairs.homologous), ("others", pairs.others)):
            columns = {
                "first": pd.Categorical.from_codes(part[:, 0], names),
                "second": pd.Categorical.from_codes(part[:, 1], names),
            }
            values = {variant: getattr(own[repeat], kind).astype(np.float32) for variant, own in scored.items()}
            homologous = kind == "homologous"
            frames.append(pd.DataFrame({"repeat": np.int8(repeat), **columns, "homologous": homologous, **values}))
    return pd.concat(frames, ignore_index=True)
