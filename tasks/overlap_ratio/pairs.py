"""Homologous and non-homologous pairs of sequences, drawn by seed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tasks.overlap_ratio.data import SMALLEST_FAMILY, Booleans, ComparedFamilies, Integers
from tasks.overlap_ratio.settings import OverlapRatioSettings


@dataclass(frozen=True)
class Pairs:
    """Record numbers of the pairs, (n, 2) each, in the order of the numbers so that vectors are read in order."""

    homologous: Integers
    others: Integers

    def within(self, families: Booleans, family: Integers) -> Pairs:
        """The pairs whose families are both among ``families`` (families,)."""
        inside = families[family]
        return Pairs(*(part[inside[part].all(axis=1)] for part in (self.homologous, self.others)))


def draw_pairs(data: ComparedFamilies, settings: OverlapRatioSettings, seed: int) -> Pairs:
    """As many pairs of either kind as the settings say; a pair may be drawn more than once.

    Homologous: two distinct members of a family, every family of three or more being as likely. Non-homologous: one
    member each of two families of different clans, never of the same sequence. The review drew the latter otherwise.
    On ArchiveII: the families of two different records, which may well be the same family, then a member of each. On
    Rfam: a member each of two different families, whatever their size and clan.
    """
    generator = np.random.default_rng([seed, 2])
    homologous = _homologous(data, settings.pair_count, generator)
    draw = {"families": _unrelated, "review": _by_record, "review-rfam": _by_family}[settings.pairs]
    return Pairs(_in_order(homologous), _in_order(draw(data, settings.pair_count, generator)))


def _homologous(data: ComparedFamilies, count: int, generator: np.random.Generator) -> Integers:
    sizes, starts = data.sizes, data.starts
    family = generator.choice(np.flatnonzero(sizes >= SMALLEST_FAMILY), count)
    first = generator.integers(sizes[family])
    second = generator.integers(sizes[family] - 1)
    second += second >= first
    return np.column_stack([starts[family] + first, starts[family] + second])


def _unrelated(data: ComparedFamilies, count: int, generator: np.random.Generator) -> Integers:
    found, have = [], 0
    while have < count:
        families = generator.integers(len(data.families), size=(count, 2))
        pairs = data.starts[families] + generator.integers(data.sizes[families])
        clans, sequences = data.clan[families], data.sequence[pairs]
        good = (clans[:, 0] != clans[:, 1]) & (sequences[:, 0] != sequences[:, 1])
        found.append(pairs[good])
        have += int(good.sum())
    return np.concatenate(found)[:count]


def _by_record(data: ComparedFamilies, count: int, generator: np.random.Generator) -> Integers:
    records = len(data.records)
    first = generator.integers(records, size=count)
    second = generator.integers(records - 1, size=count)
    second += second >= first
    families = data.family[np.column_stack([first, second])]
    return np.asarray(data.starts[families] + generator.integers(data.sizes[families]))


def _by_family(data: ComparedFamilies, count: int, generator: np.random.Generator) -> Integers:
    first = generator.integers(len(data.families), size=count)
    second = generator.integers(len(data.families) - 1, size=count)
    second += second >= first
    families = np.column_stack([first, second])
    return np.asarray(data.starts[families] + generator.integers(data.sizes[families]))


def _in_order(pairs: Integers) -> Integers:
    ordered = np.sort(pairs, axis=1)
    return np.asarray(ordered[np.lexsort((ordered[:, 1], ordered[:, 0]))])
