"""Scores of families by their kind, and by how many sequences of them are known: rows of any task about families."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from harness.datasets.records import Dataset
from harness.statistics.bootstrap import cluster_bootstrap_mean
from harness.statistics.spearman import drawn
from harness.task import TableRow
from tasks.common import CORRELATION, FEWEST_UNITS, SHARE, table_row
from tasks.levels import ARCHITECTURE, TYPE, Levels, levels_of, places

BY_LEVEL, BY_ARCHITECTURE, BY_TYPE, BY_NUMBER = "by_level", "by_architecture", "by_rfam_type", "by_number_of_sequences"
CORRELATED = "rank correlation"
FEWEST_FAMILIES = 20
"""With an accession of Rfam: of fewer, a dataset is not about Rfam."""


@dataclass(frozen=True)
class FamilyKinds:
    """Families, what they belong to, and how many sequences of each the dataset has, (families,)."""

    families: tuple[str, ...]
    levels: Levels
    number: NDArray[np.float64]

    @classmethod
    def of(cls, dataset: Dataset, families: Sequence[str]) -> FamilyKinds | None:
        """None where the families are not those of Rfam."""
        levels = levels_of(dataset, None)
        if sum(family in levels.of[ARCHITECTURE] for family in families) < FEWEST_FAMILIES:
            return None
        counts = Counter(record.family for record in dataset.records)
        return cls(tuple(families), levels, np.array([counts[family] for family in families], dtype=np.float64))

    @property
    def note(self) -> str:
        """How much is known of them."""
        known = sum(family in self.levels.of[ARCHITECTURE] for family in self.families)
        typed = sum(family in self.levels.of[TYPE] for family in self.families)
        placed = (places(self.families, self.levels)[0] >= 0).sum()
        return (
            f"clans and architectures of {known:,} of {len(self.families):,} families are those of RNArchitecture, as "
            f"in CHANRG; {placed:,} have an architecture other than 'complex unclassified'. Rfam types are known of "
            f"{typed:,} here"
        )

    def rows(self, name: str, scores: ArrayLike, source: str, layer: int | None, draws: int) -> Iterator[TableRow]:
        """Means of scores (families,) from 0 to 1 by kind and by number of sequences; those of NaN take no part."""
        values = np.asarray(scores, dtype=np.float64)
        known = np.flatnonzero(np.isfinite(values))
        families = [self.families[k] for k in known]
        yield from self._by_kind(name, values[known], families, source, layer, draws)
        yield from _by_number(name, values[known], families, self.number[known], source, layer, draws)

    def _by_kind(
        self, name: str, scores: NDArray[np.float64], families: list[str], source: str, layer: int | None, draws: int
    ) -> Iterator[TableRow]:
        """Of every architecture and type; draws are over clans."""
        clan = [self.levels.clan(family) or f"family {family}" for family in families]
        for level, suffix in ((ARCHITECTURE, BY_ARCHITECTURE), (TYPE, BY_TYPE)):
            # the last part of a type is the most specific one
            kind = np.array([self.levels.of[level].get(family, ("",))[-1] for family in families])
            for value in sorted(set(kind.tolist()) - {""}):
                members = kind == value
                units = [own for own, inside in zip(clan, members, strict=True) if inside]
                if members.sum() >= FEWEST_UNITS:
                    estimate = cluster_bootstrap_mean(scores[members], units, draws)
                    yield table_row(f"{name}_{suffix}", estimate, source, layer, value, within=SHARE)


def _by_number(
    name: str,
    scores: NDArray[np.float64],
    families: list[str],
    number: NDArray[np.float64],
    source: str,
    layer: int | None,
    draws: int,
) -> Iterator[TableRow]:
    """The rank correlation with the number of sequences in the dataset, and means of families by thirds."""
    if len(set(number.tolist())) < 2:
        return
    estimate = drawn({"score": scores}, number, BY_NUMBER, draws)["score"]
    yield table_row(f"{name}_{BY_NUMBER}", estimate, source, layer, CORRELATED, within=CORRELATION)
    edges = np.unique(np.quantile(number, [0, 1 / 3, 2 / 3, 1], method="nearest"))
    for low, high in pairwise(edges.tolist()):
        members = (number >= low) & ((number < high) | (high == edges[-1]))
        if members.sum() >= FEWEST_UNITS:
            units = [own for own, inside in zip(families, members, strict=True) if inside]
            mean = cluster_bootstrap_mean(scores[members], units, draws)
            last = int(number[members].max())
            yield table_row(f"{name}_{BY_NUMBER}", mean, source, layer, f"{int(low)} to {last} sequences", within=SHARE)
