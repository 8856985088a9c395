"""From estimates to the outcome of a cell: metrics, rows, notes and warnings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import expm1

import numpy as np
import pandas as pd

from harness.adapter import ModelCard, Role
from harness.statistics.bootstrap import Estimate
from harness.task import Highlights, Metric, Place, TableRow
from tasks.common import CORRELATION, FEWEST_UNITS, SHARE, metric, table_row
from tasks.fitness.data import Assay
from tasks.fitness.estimates import Columns, Found
from tasks.fitness.floors import FLOORS
from tasks.fitness.masked import DEAD
from tasks.fitness.pairing import kinds
from tasks.fitness.scores import FILLS, PSEUDO_LIKELIHOOD, SCORES

_NAME = "spearman"
_PAIRING = "pairing_auroc"
_ASSAYS_SHOWN = 12


def metrics(found: Found, headline: str) -> dict[str, Metric]:
    """The headline under its own name, then every score of the model."""
    unit = "Spearman of score and measured fitness, mean over assays"
    named = {_NAME: metric(found.macro[headline], f"{unit}; {headline}", within=CORRELATION)}
    for source in SCORES:
        if source in found.macro:
            named[metric_of(_NAME, source)] = metric(found.macro[source], f"{unit}; {source}", within=CORRELATION)
    for source in SCORES:
        if source in found.pairing:
            about = f"compensated above disrupted variants with the same substitutions; 0.5 is chance; {source}"
            named[metric_of(_PAIRING, source)] = metric(found.pairing[source], about, within=SHARE)
    return named


def metric_of(name: str, source: str) -> str:
    return f"{name}_{source.replace('-', '_')}"


def draws(found: Found) -> dict[Place, Estimate]:
    return {Place(_NAME, source): own for source, own in found.macro.items()} | {
        Place(_PAIRING, source): own for source, own in found.pairing.items()
    }


def rows(found: Found) -> Iterator[TableRow]:
    """Spearman over all assays, by number of mutations, and of every assay; the comparisons of base pairs."""
    for source, own in found.macro.items():
        yield table_row(_NAME, own, source, within=CORRELATION)
    for stratum, sources in found.strata.items():
        for source, own in sources.items():
            yield table_row(_NAME, own, source, stratum=stratum, within=CORRELATION)
    for assay, sources in found.per_assay.items():
        for source, own in sources.items():
            yield table_row(_NAME, own, source, stratum=f"assay {assay}", within=CORRELATION)
    for source, own in found.pairing.items():
        yield table_row(_PAIRING, own, source, within=SHARE)


def roles(card: ModelCard, sources: Sequence[str]) -> dict[str, Role]:
    return {source: "floor" if source in FLOORS else card.role for source in sources}


def warnings(card: ModelCard, spread: float) -> list[str]:
    """A warning where predictions do not depend on the input: then every score is one of letters alone."""
    if spread >= DEAD:
        return []
    return [
        f"the predictions of {card.name} do not depend on the input: between positions of the wild types the "
        f"probability of a letter changes by {100 * expm1(spread):.1g} % at most, so its fitness is little but "
        "constants per letter and not worth reading"
    ]


def notes(assays: Sequence[Assay], found: Found, headline: str, too_many: str | None, card: ModelCard) -> list[str]:
    variants = sum(len(assay.records) for assay in assays)
    few = len(assays) < FEWEST_UNITS
    own = [
        f"{len(assays):,} {'assay' if len(assays) == 1 else 'assays'}, {variants:,} variants; headline: {headline}",
        f"fewer than {FEWEST_UNITS} assays: intervals are over the variants of these assays"
        if few
        else "intervals of means are over assays, those of single assays over variants",
    ]
    if too_many is not None and "log_probs" in card.capabilities:
        own.append(f"no {PSEUDO_LIKELIHOOD}: {too_many}")
    if all(int(assay.counts.max()) == 1 for assay in assays):
        own.append("single mutants only: the four fills are the same, and the number of mutations ranks nothing (0)")
    elif FILLS[0] == headline and found.pairing:
        own.append(f"{FILLS[0]} sees each mutation in the wild type alone: it cannot credit a compensating mutation")
    if card.tokenisation.startswith("overlapping"):
        own.append("every token that covers a masked position is masked")
    return own


def highlights(assays: Sequence[Assay], found: Found, headline: str) -> Highlights:
    shown = []
    for assay in assays[:_ASSAYS_SHOWN]:
        own = found.per_assay[assay.name]
        interval = own[headline].interval()
        floor = max((name for name in own if name in FLOORS), key=lambda name: own[name].value)
        shown.append(
            (
                assay.name,
                f"{len(assay.records):,}",
                f"{interval.value:.3f} [{interval.low:.3f}, {interval.high:.3f}]",
                f"{own[floor].value:.3f} ({floor})",
            )
        )
    return Highlights(
        title=f"Spearman of {headline} by assay",
        columns=("assay", "variants", headline, "best floor"),
        rows=tuple(shown),
    )


def variant_table(assays: Sequence[Assay], columns: Sequence[Columns]) -> pd.DataFrame:
    """Every variant with its mutations, kind, measured fitness and scores: enough to compute all statistics again."""
    frames = []
    for assay, own in zip(assays, columns, strict=True):
        facts = {
            "variant": [record.id for record in assay.records],
            "assay": assay.name,
            "mutations": [",".join(map(str, mutations)) for mutations in assay.mutations],
            "count": assay.counts,
            "kind": pd.array(kinds(assay), dtype="string"),
            "measured": assay.measured,
        }
        frames.append(pd.DataFrame(facts | dict(own)))
    return pd.concat(frames, ignore_index=True)


def items(variants: pd.DataFrame, sources: Sequence[str]) -> pd.DataFrame:
    """Long form: the scores of every variant, and what was measured under the source ``measured``."""
    frames = [
        pd.DataFrame(
            {
                "item": variants["variant"].astype("str"),
                "cluster": variants["assay"].astype("str"),
                "family": variants["assay"].astype("str"),
                "metric": "score",
                "source": source,
                "layer": pd.array([None] * len(variants), dtype="Int64"),
                "seed": pd.array([None] * len(variants), dtype="Int64"),
                "value": variants[source].astype(np.float64),
            }
        )
        for source in (*sources, "measured")
    ]
    return pd.concat(frames, ignore_index=True)


def by_kind(variants: pd.DataFrame, sources: Sequence[str]) -> pd.DataFrame:
    """Mean measured fitness and mean scores of every kind and number of mutations; empty without base pairs."""
    known = variants.dropna(subset="kind")
    means = known.groupby(["kind", "count"])[["measured", *sources]].mean()
    return means.assign(variants=known.groupby(["kind", "count"]).size()).reset_index()
