"""The score by level of relation, by kind of family, and by how many sequences of a family are known."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pandas as pd

from harness.datasets.records import Dataset
from harness.statistics.bootstrap import cluster_bootstrap_mean
from harness.statistics.spearman import drawn
from harness.task import TableRow, TaskOutcome
from tasks.common import CORRELATION, FEWEST_UNITS, SHARE, table_row
from tasks.levels import ARCHITECTURE, CLAN, TYPE, Levels, levels_of
from tasks.overlap_ratio.data import ComparedFamilies
from tasks.overlap_ratio.intervals import FamilyBootstrap, ScoredPairs
from tasks.overlap_ratio.kinship import Kinship
from tasks.overlap_ratio.measures import Measure
from tasks.overlap_ratio.settings import OverlapRatioSettings

BY_LEVEL, BY_ARCHITECTURE, BY_TYPE, BY_NUMBER = "by_level", "by_architecture", "by_rfam_type", "by_number_of_sequences"
CORRELATED = "rank correlation"
FEWEST_FAMILIES = 20
"""With an accession of Rfam: of fewer, a dataset is not about Rfam."""
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
    levels = levels_of(dataset, None)
    known = sum(family in levels.of[ARCHITECTURE] for family in data.families)
    if known < FEWEST_FAMILIES:
        return
    kinship = Kinship.of(data, levels)
    if len(kinship.placed) >= FEWEST_FAMILIES and len(np.unique(kinship.architecture[kinship.placed])) > 1:
        outcome.table += _by_level(kinship, measure, settings)
    outcome.table += _by_kind(families, levels, measure, settings.draws)
    outcome.table += _by_number(dataset, families, measure, settings.draws)
    typed = sum(family in levels.of[TYPE] for family in data.families)
    outcome.notes.append(
        f"clans and architectures of {known:,} of {len(data.families):,} families are those of RNArchitecture, as in "
        f"CHANRG; {len(kinship.placed):,} have an architecture other than 'complex unclassified'. Rfam types are known "
        f"of {typed:,} here"
    )


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


def _by_kind(families: pd.DataFrame, levels: Levels, measure: Measure, draws: int) -> Iterator[TableRow]:
    """The mean AUROC of the families of every architecture and type; draws are over clans."""
    scored = families.dropna(subset="auroc")
    clan = [next(iter(levels.of[CLAN].get(family, ())), f"family {family}") for family in scored["family"]]
    for level, name in ((ARCHITECTURE, BY_ARCHITECTURE), (TYPE, BY_TYPE)):
        # the last part of a type is the most specific one
        kind = scored["family"].map(lambda family, own=levels.of[level]: own.get(family, ("",))[-1])
        for value in sorted(set(kind) - {""}):
            members = (kind == value).to_numpy()
            units = [own for own, inside in zip(clan, members, strict=True) if inside]
            if members.sum() >= FEWEST_UNITS:
                estimate = cluster_bootstrap_mean(scored["auroc"].to_numpy()[members], units, draws)
                yield table_row(f"auroc_{name}", estimate, measure.variant, measure.layer, value, within=SHARE)


def _by_number(dataset: Dataset, families: pd.DataFrame, measure: Measure, draws: int) -> Iterator[TableRow]:
    """The rank correlation of AUROC with the number of sequences in the dataset, and means of families by thirds."""
    counts = Counter(record.family for record in dataset.records)
    scored = families.dropna(subset="auroc")
    number = np.array([counts[family] for family in scored["family"]], dtype=np.float64)
    auroc = scored["auroc"].to_numpy()
    place = measure.variant, measure.layer
    if len(set(number.tolist())) < 2:
        return
    estimate = drawn({"auroc": auroc}, number, BY_NUMBER, draws)["auroc"]
    yield table_row(f"auroc_{BY_NUMBER}", estimate, *place, CORRELATED, within=CORRELATION)
    edges = np.unique(np.quantile(number, [0, 1 / 3, 2 / 3, 1], method="nearest"))
    for low, high in pairwise(edges.tolist()):
        members = (number >= low) & ((number < high) | (high == edges[-1]))
        if members.sum() >= FEWEST_UNITS:
            mean = cluster_bootstrap_mean(auroc[members], scored["family"][members].tolist(), draws)
            last = int(number[members].max())
            yield table_row(f"auroc_{BY_NUMBER}", mean, *place, f"{int(low)} to {last} sequences", within=SHARE)
