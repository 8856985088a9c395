"""The score by level of relation, by kind of family, and by how many sequences of a family are known."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from harness.datasets.records import Dataset
from harness.task import TableRow, TaskOutcome
from tasks.common import SHARE, table_row
from tasks.kinds import BY_LEVEL, FEWEST_FAMILIES, FamilyKinds
from tasks.overlap_ratio.data import ComparedFamilies
from tasks.overlap_ratio.intervals import FamilyBootstrap, ScoredPairs
from tasks.overlap_ratio.kinship import Kinship
from tasks.overlap_ratio.measures import Measure
from tasks.overlap_ratio.settings import OverlapRatioSettings

MOST_PAIRS = 10_000


def add_kinds(
    outcome: TaskOutcome,
    dataset: Dataset,
    data: ComparedFamilies,
    measure: Measure,
    families: pd.DataFrame,
    settings: OverlapRatioSettings,
) -> None:
    """Rows and notes of the headline's similarity, where families are those of Rfam; metrics stay as they are."""
    kinds = FamilyKinds.of(dataset, data.families)
    if kinds is None:
        return
    kinship = Kinship.of(data, kinds.levels)
    if len(kinship.placed) >= FEWEST_FAMILIES and len(np.unique(kinship.architecture[kinship.placed])) > 1:
        outcome.table += _by_level(kinship, measure, settings)
    outcome.table += kinds.rows("auroc", families["auroc"], measure.variant, measure.layer, settings.draws)
    outcome.notes.append(kinds.note)


def _by_level(kinship: Kinship, measure: Measure, settings: OverlapRatioSettings) -> Iterator[TableRow]:
    """Pairs of every level against pairs of different architectures; draws are over clans."""
    drawn_pairs = kinship.draw(min(MOST_PAIRS, settings.pair_count), settings.seeds[0])
    found = dict(zip(drawn_pairs, measure.similarities(list(drawn_pairs.values())), strict=True))
    clans = {level: kinship.clan[kinship.data.family[pairs]] for level, pairs in drawn_pairs.items()}
    bootstrap = FamilyBootstrap(kinship.clans, settings.draws)
    for level in drawn_pairs:
        if level:
            estimates = bootstrap.estimates([ScoredPairs(found[level], found[""], clans[level], clans[""])])
            for name in ("overlap_ratio", "auroc"):
                yield table_row(
                    f"{name}_{BY_LEVEL}", estimates[name], measure.variant, measure.layer, level, within=SHARE
                )
