"""A comparison from beginning to end: sources, separation of two groups, relations between families, hypotheses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from harness.progress import Progress
from harness.sequences.kmers import length_and_gc
from tasks.levels import Levels
from tasks.sae.concepts.membership import class_means
from tasks.sae_families.compare.alignments import Alignments, best_alignments, local_similarity
from tasks.sae_families.compare.data import ComparedFamilies
from tasks.sae_families.compare.groups import FamilyGroup
from tasks.sae_families.compare.hypotheses import Funnel, Hypothesis, Pair, candidate_pairs, funnel, hypotheses, listed
from tasks.sae_families.compare.relations import ClanRecovery, Relations, clan_recovery, identified, relations
from tasks.sae_families.compare.separation import Separation, separation
from tasks.sae_families.compare.sources import Compared

SAE, TWIN = "sae", "sae-random-lm"


@dataclass(frozen=True)
class SourceComparison:
    """What one source says. ``separation`` is None where no groups were named, the clans
    where none is known; ``clans_beyond`` is by what composition does not explain."""

    name: str
    relations: Relations
    clans: ClanRecovery | None
    clans_beyond: ClanRecovery | None
    separation: Separation | None
    funnel: Funnel
    hypotheses: tuple[Hypothesis, ...]


@dataclass(frozen=True)
class Comparison:
    """``sources`` starts with the autoencoders of the model. ``floors`` recover clans without any feature: by the best
    local alignment, and by length and GC content. ``kmers``: how often k-mers of every length identify a family."""

    data: ComparedFamilies
    levels: Levels
    groups: tuple[FamilyGroup, FamilyGroup] | None
    sources: tuple[SourceComparison, ...]
    floors: Mapping[str, ClanRecovery | None]
    kmers: Mapping[str, float]
    aligned: Alignments

    @property
    def clans(self) -> list[str | None]:
        return [self.levels.clan(family) for family in self.data.families]

    @property
    def own(self) -> SourceComparison:
        """Of the model's autoencoders."""
        return self.sources[0]

    def rank(self, source: SourceComparison, pair: Pair) -> int | None:
        """The place of a pair in the list of a source, from 1; None where it is not there."""
        made = [own.pair for own in source.hypotheses]
        return made.index(pair) + 1 if pair in made else None


def compare(
    sources: Mapping[str, Sequence[Compared]],
    kmers: Sequence[Compared],
    data: ComparedFamilies,
    levels: Levels,
    groups: tuple[FamilyGroup, FamilyGroup] | None,
    shuffled: Sequence[str],
    progress: Progress,
) -> Comparison:
    """Every source, and the k-mers of the length that knows families best, through the same steps.

    That length is chosen by how often a family's held-out mean is nearest to its own mean on the other half: by no
    clan and no hypothesis.

    Args:
        sources: by name, the seeds of each; the model's own first.
        kmers: one source for each k.
        shuffled: the sequences of ``data`` with their dinucleotides shuffled.
    """
    by_k = {own.name: identified([own], data) for own in kmers}
    best = max(kmers, key=lambda own: by_k[own.name])
    members = {**sources, best.name: [best]}
    found = {name: relations(seeds, data) for name, seeds in members.items()}
    clans = [levels.clan(family) for family in data.families]
    candidates = {name: candidate_pairs(own, clans) for name, own in found.items()}
    progress.message("alignments")
    aligned = best_alignments(sorted({pair for own in candidates.values() for pair in own}), data, shuffled)
    progress.message("clans and hypotheses")
    compared = tuple(
        SourceComparison(
            name=name,
            relations=found[name],
            clans=clan_recovery(found[name].whole.similarity, clans),
            clans_beyond=clan_recovery(found[name].beyond.similarity, clans),
            separation=separation(seeds[0], data, groups[0].families, groups[1].families) if groups else None,
            funnel=funnel(found[name], clans, candidates[name], aligned),
            hypotheses=tuple(hypotheses(listed(candidates[name], aligned, found[name]), found[name], seeds[0], data)),
        )
        for name, seeds in members.items()
    )
    floors = {
        "best local alignment": clan_recovery(local_similarity(data), clans),
        "length and GC": clan_recovery(_size_similarity(data), clans),
    }
    return Comparison(data, levels, groups, compared, floors, by_k, aligned)


def _size_similarity(data: ComparedFamilies) -> np.ndarray:
    """Minus the distance of families in mean ln length and GC share, each in standard deviations."""
    rows = np.arange(len(data.records))
    means = class_means(length_and_gc([record.sequence for record in data.records]), data.member(rows))
    placed = (means - means.mean(axis=0)) / np.maximum(means.std(axis=0), 1e-12)
    return np.asarray(-np.linalg.norm(placed[:, None] - placed[None], axis=2))
