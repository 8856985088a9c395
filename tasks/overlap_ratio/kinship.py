"""Pairs of sequences by how their families are related: of one family, one clan, one architecture, or none of these."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tasks.levels import ARCHITECTURE_LEVEL, CLAN_LEVEL, FAMILY_LEVEL, FEWEST_GROUPS, UNRELATED, Levels, places
from tasks.overlap_ratio.data import SMALLEST_FAMILY, ComparedFamilies, Integers

_TRIES = 200


@dataclass(frozen=True)
class Kinship:
    """The families of a cell whose place is known; ``clan`` and ``architecture`` (families,) are -1 where it is not."""

    data: ComparedFamilies
    clan: Integers
    architecture: Integers
    clans: int

    @classmethod
    def of(cls, data: ComparedFamilies, levels: Levels) -> Kinship:
        clan, architecture = places(data.families, levels)
        return cls(data, clan, architecture, int(clan.max(initial=-1)) + 1)

    @property
    def placed(self) -> Integers:
        return np.flatnonzero(self.clan >= 0)

    def draw(self, count: int, seed: int) -> dict[str, Integers]:
        """(pairs, 2) record numbers by level, and twice those of no relation: as a level, and under ``""`` what all
        levels are compared with.

        Every family, clan or architecture that has two parts is as likely, then two of its parts, then a member of
        each. Pairs of equal sequences are drawn again.
        """
        generator = np.random.default_rng([seed, 3])
        found = {}
        groups = {
            FAMILY_LEVEL: [np.array([family]) for family in self.placed if self.data.sizes[family] >= SMALLEST_FAMILY],
            CLAN_LEVEL: self._groups(self.clan, np.arange(len(self.clan))),
            ARCHITECTURE_LEVEL: self._groups(self.architecture, self.clan),
        }
        apart = {FAMILY_LEVEL: (), CLAN_LEVEL: (np.arange(len(self.clan)),), ARCHITECTURE_LEVEL: (self.clan,)}
        for level, own in groups.items():
            if len(own) >= FEWEST_GROUPS:
                found[level] = self._pairs(own, apart[level], count, generator)
        for name in (UNRELATED, ""):
            found[name] = self._pairs([self.placed], (self.architecture, self.clan), count, generator)
        return found

    def _groups(self, group: Integers, part: Integers) -> list[Integers]:
        """The families of every group of two parts or more."""
        members = [self.placed[group[self.placed] == number] for number in np.unique(group[self.placed])]
        return [own for own in members if len(np.unique(part[own])) > 1]

    def _pairs(
        self, groups: list[Integers], parts: tuple[Integers, ...], count: int, generator: np.random.Generator
    ) -> Integers:
        """Of families of different parts of one group; without parts, two distinct members of a family.

        The group of a pair stays until the pair is found, so that groups in which few pairs will do are as likely.
        """
        sizes = np.array([len(own) for own in groups])
        starts, families = np.cumsum(sizes) - sizes, np.concatenate(groups)
        group = generator.integers(len(groups), size=count)
        found, left = np.empty((count, 2), np.int64), np.arange(count)
        for _ in range(_TRIES):
            own = group[left]
            chosen = families[starts[own, None] + generator.integers(sizes[own, None], size=(len(left), 2))]
            records = self.data.starts[chosen] + generator.integers(self.data.sizes[chosen])
            good = self.data.sequence[records[:, 0]] != self.data.sequence[records[:, 1]]
            for own_part in parts:
                good &= own_part[chosen[:, 0]] != own_part[chosen[:, 1]]
            found[left[good]] = records[good]
            left = left[~good]
        return np.delete(found, left, axis=0)
