"""The score by kind of family and by number of sequences, and what a family's feature says of its relatives."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from harness.statistics.bootstrap import cluster_bootstrap_mean
from harness.task import TableRow, TaskOutcome
from tasks.common import SHARE, table_row
from tasks.kinds import BY_LEVEL, FamilyKinds
from tasks.levels import ARCHITECTURE_LEVEL, CLAN_LEVEL, FAMILY_LEVEL, FEWEST_GROUPS, places
from tasks.sae.concepts.choice import rank_auroc
from tasks.sae.concepts.membership import Floats, Integers, Membership
from tasks.sae_families.report import LayerResult
from tasks.sae_families.scores import Items, SourceScores

if TYPE_CHECKING:
    from harness.datasets.records import Dataset

NAME = "auroc_macro"


def add_kinds(outcome: TaskOutcome, dataset: Dataset, items: Items, result: LayerResult) -> None:
    """Rows of the layer of the headline, of every source but ablations, where families are those of Rfam; metrics stay
    as they are."""
    kinds = FamilyKinds.of(dataset, items.families)
    if kinds is None:
        return
    clan, architecture = places(items.families, kinds.levels)
    for source in result.sources.values():
        if source.role != "ablation":
            outcome.table += kinds.rows(NAME, source.family_mean("auroc"), source.name, result.layer, items.draws)
            outcome.table += _by_level(source, items, clan, architecture, result.layer)
    outcome.notes.append(kinds.note)


def _by_level(
    source: SourceScores, items: Items, clan: Integers, architecture: Integers, layer: int
) -> Iterator[TableRow]:
    """The AUROC of the feature chosen for a family, on test, for sequences of its relatives against those of other
    architectures: mean over families, with draws over clans. A feature of that family alone is at 0.5 for all but it.
    """
    for level, (relatives, group) in relations(clan, architecture).items():
        own = np.flatnonzero(relatives.any(axis=1))
        if len(np.unique(group[own])) >= FEWEST_GROUPS:
            others = (architecture >= 0) & (architecture != architecture[own, None])
            found = np.mean(
                [
                    [
                        _auroc(seed.oriented[:, family], relatives[family][items.test_labels], apart[items.test_labels])
                        for family, apart in zip(own, others, strict=True)
                    ]
                    for seed in source.seeds
                ],
                axis=0,
            )
            estimate = cluster_bootstrap_mean(found, clan[own].tolist(), items.draws)
            yield table_row(f"{NAME}_{BY_LEVEL}", estimate, source.name, layer, level, within=SHARE)


def relations(clan: Integers, architecture: Integers) -> dict[str, tuple[Membership, Integers]]:
    """By level, which families (families, families) are relatives of which, and the groups that a level is about;
    families without a place, numbered -1, are nobody's, and without families of other architectures there is none."""
    placed = clan >= 0
    if len(np.unique(architecture[placed])) < 2:
        return {}
    both = placed[:, None] & placed
    same_family = both & np.eye(len(clan), dtype=bool)
    same_clan = both & (clan[:, None] == clan)
    same_architecture = both & (architecture[:, None] == architecture)
    return {
        FAMILY_LEVEL: (same_family, clan),
        CLAN_LEVEL: (same_clan & ~same_family, clan),
        ARCHITECTURE_LEVEL: (same_architecture & ~same_clan, architecture),
    }


def _auroc(scores: Floats, positive: Membership, negative: Membership) -> float:
    """P(a positive scores higher than a negative), ties counting half."""
    kept = positive | negative
    return float(rank_auroc(scores[kept, None], positive[kept, None])[0, 0])
