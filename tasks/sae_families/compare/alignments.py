"""Whether an alignment explains that two families are alike: the best of all pairs of their sequences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.sequences.pairwise import global_identity, local_alignment
from tasks.sae.concepts.membership import Floats
from tasks.sae_families.compare.data import ComparedFamilies
from tasks.sae_families.compare.relations import pairs

EXPLAINED = 0.95
FEW = 3


@dataclass(frozen=True)
class Alikeness:
    """Best global identity and best local alignment between the sequences of two families."""

    identity: float
    local: float


@dataclass(frozen=True)
class Alignments:
    """Of some pairs of families, and the highest that 95 % of them reach once one of the two is shuffled."""

    of: dict[tuple[int, int], Alikeness]
    identity_of_chance: float
    local_of_chance: float

    def explains(self, pair: tuple[int, int]) -> bool:
        """By either measure."""
        found = self.of[pair]
        return found.identity > self.identity_of_chance or found.local > self.local_of_chance


def best_alignments(wanted: Sequence[tuple[int, int]], data: ComparedFamilies, shuffled: Sequence[str]) -> Alignments:
    """Align all sequences of the two families of every pair; shuffled ones keep their dinucleotides.

    Cost O(pairs x sequences of a family squared): for 60 pairs of 20 sequences each about 48,000 alignments.
    """
    sequences = [record.sequence for record in data.records]
    found = {pair: _best(pair, data, sequences, sequences) for pair in wanted}
    null = [_best(pair, data, sequences, shuffled) for pair in wanted]
    chance = [
        float(np.quantile([getattr(own, name) for own in null], EXPLAINED)) if null else float("inf")
        for name in ("identity", "local")
    ]
    return Alignments(found, *chance)


def local_similarity(data: ComparedFamilies) -> Floats:
    """(families, families): the best local alignment of a few sequences of each, the floor for recovering clans."""
    sequences = [record.sequence for record in data.records]
    count = len(data.families)
    few = [data.of_family(family)[:FEW] for family in range(count)]
    found = np.zeros((count, count))
    for i, j in zip(*pairs(count), strict=True):
        found[i, j] = found[j, i] = max(local_alignment(sequences[a], sequences[b]) for a in few[i] for b in few[j])
    return found


def _best(pair: tuple[int, int], data: ComparedFamilies, left: Sequence[str], right: Sequence[str]) -> Alikeness:
    first, second = (data.of_family(family) for family in pair)
    texts = [(left[a], right[b]) for a in first for b in second]
    return Alikeness(max(global_identity(*own) for own in texts), max(local_alignment(*own) for own in texts))
