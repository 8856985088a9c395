"""Which nucleotides similarity compares: as many of each RNA, and one RNA of each family or cluster."""

from __future__ import annotations

import zlib
from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.activations.reader import known_positions
from harness.datasets.clusters import clusters_of, kin
from harness.datasets.records import Dataset, Record
from harness.datasets.selection import by_hash, left_out_for_the_model, some_by_hash, usable
from harness.errors import NotApplicable
from harness.progress import QUIET, Progress
from tasks.similarity.settings import SimilaritySettings

FEWEST_RNAS = 6
"""Four are needed for an estimate and one more to leave each out; of fewer than this, intervals say nothing."""
ENOUGH_FAMILIES = 20
"""With fewer, one RNA of each cluster of near-identical sequences is taken instead."""


@dataclass(frozen=True)
class Sample:
    """The RNAs of a cell, which are its independent units, and (RNAs, per_sequence) positions in them.

    Positions are in random order: the first of one RNA has nothing to do with the first of another.
    """

    records: tuple[Record, ...]
    positions: NDArray[np.int64]
    units: str
    skipped: dict[str, int]

    @property
    def each(self) -> int:
        return int(self.positions.shape[1])

    @property
    def letters(self) -> NDArray[np.str_]:
        """(nucleotides,) RNA by RNA."""
        both = zip(self.records, self.positions.tolist(), strict=True)
        return np.array([record.sequence[place] for record, places in both for place in places])


def prepare(dataset: Dataset, settings: SimilaritySettings, progress: Progress = QUIET) -> Sample:
    """One RNA of each family, families that share a cluster being one; of each cluster where families are few.

    Raises:
        NotApplicable: too few RNAs are left.
    """
    skipped: Counter[str] = Counter()
    short = f"sequences under {settings.per_sequence} known nucleotides"

    def unfit(record: Record) -> str | None:
        return short if len(known_positions(record.sequence)) < settings.per_sequence else None

    records = usable(dataset.records, settings, skipped, unfit)
    clusters = clusters_of(dataset.subset(records), progress) if records else []
    groups, units = kin(records, clusters), "families"
    if len(set(groups)) < ENOUGH_FAMILIES or not any(record.family for record in records):
        groups, units = clusters, "clusters of near-identical sequences"
    by_name = {record.id: (record, group) for record, group in zip(records, groups, strict=True)}
    first: dict[str, Record] = {}
    for name in by_hash(by_name):
        record, group = by_name[name]
        first.setdefault(group, record)
    chosen = some_by_hash(list(first.values()), settings.limit)
    skipped[f"further members of {units}"] = len(records) - len(first)
    skipped["RNAs beyond --limit"] = len(first) - len(chosen)
    if len(chosen) < FEWEST_RNAS:
        refused = left_out_for_the_model(skipped)
        raise NotApplicable(
            f"dataset {dataset.card.name} has {len(chosen)} unrelated RNAs of {settings.per_sequence} known "
            f"nucleotides; {FEWEST_RNAS} are needed{f' ({refused})' if refused else ''}"
        )
    return Sample(
        tuple(chosen),
        np.stack([places(record, settings.per_sequence) for record in chosen]),
        units,
        {reason: count for reason, count in skipped.items() if count},
    )


def places(record: Record, count: int) -> NDArray[np.int64]:
    """(count,) known positions that depend on the record alone, so that all models share them."""
    generator = np.random.default_rng(zlib.crc32(record.id.encode()))
    return generator.permutation(known_positions(record.sequence))[:count]
