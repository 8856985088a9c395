"""Every number of a cell with its draws: Spearman per assay and over assays, and the comparisons of base pairs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from harness.statistics.bootstrap import Estimate, cluster_bootstrap_mean
from harness.statistics.spearman import drawn
from tasks.common import FEWEST_UNITS
from tasks.fitness.data import FEWEST_VARIANTS, Assay, Floats
from tasks.fitness.pairing import comparisons, pairing_auroc

Columns = Mapping[str, Floats]
"""Source -> (variants,) scores."""

STRATA: Mapping[str, Callable[[Assay], np.ndarray]] = {
    "1 mutation": lambda assay: assay.counts == 1,
    "2 mutations": lambda assay: assay.counts == 2,
    "3 or more mutations": lambda assay: assay.counts >= 3,
}


@dataclass(frozen=True)
class Found:
    """Estimates by source: of every assay, over all assays, over the assays by stratum, and of base pairs.

    ``pairing`` is empty where no assay has compensated and disrupted variants to compare.
    """

    per_assay: dict[str, dict[str, Estimate]] = field(default_factory=dict)
    macro: dict[str, Estimate] = field(default_factory=dict)
    strata: dict[str, dict[str, Estimate]] = field(default_factory=dict)
    pairing: dict[str, Estimate] = field(default_factory=dict)


def estimate(assays: Sequence[Assay], columns: Sequence[Columns], draws: int) -> Found:
    """Of every source in ``columns``, which has one entry per assay."""
    found = Found()
    for assay, own in zip(assays, columns, strict=True):
        found.per_assay[assay.name] = drawn(own, assay.measured, assay.name, draws)
    found.macro.update(_macro(found.per_assay, draws))
    for stratum, members in STRATA.items():
        parts = {}
        for assay, own in zip(assays, columns, strict=True):
            rows = members(assay)
            measured = assay.measured[rows]
            if rows.sum() >= FEWEST_VARIANTS and len(set(measured.tolist())) > 1:
                chosen = {source: scores[rows] for source, scores in own.items()}
                parts[assay.name] = drawn(chosen, measured, assay.name, draws)
        if parts:
            found.strata[stratum] = _macro(parts, draws)
    compared = {assay.name: comparisons(assay) for assay in assays}
    for source in columns[0]:
        shares = {
            name: pairing_auroc(compared[name], own[source])
            for name, own in zip(compared, columns, strict=True)
            if compared[name]
        }
        if shares:
            found.pairing[source] = cluster_bootstrap_mean(list(shares.values()), list(shares), draws)
    return found


def _macro(parts: Mapping[str, Mapping[str, Estimate]], draws: int) -> dict[str, Estimate]:
    """The mean over assays. Its draws are over assays, or, where there are too few, over the variants of each."""
    sources = next(iter(parts.values()))
    found = {}
    for source in sources:
        own = [assay[source] for assay in parts.values()]
        if len(own) >= FEWEST_UNITS:
            found[source] = cluster_bootstrap_mean([one.value for one in own], list(parts), draws)
        else:
            value = float(np.mean([one.value for one in own]))
            found[source] = Estimate(value, np.mean([one.draws for one in own], axis=0), sum(one.n for one in own))
    return found
