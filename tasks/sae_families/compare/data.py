"""Which sequences stand for a family when families are compared with each other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.datasets.clusters import clusters_of
from harness.datasets.records import Dataset, Record
from harness.datasets.selection import distinct, usable
from harness.errors import InputError
from tasks.sae.aggregate import window_length
from tasks.sae.concepts.membership import Integers, Membership, one_label_each
from tasks.sae_families.settings import SaeFamiliesSettings
from tasks.sae_families.splits import family_splits

PER_HALF = 10
"""Clusters of a family in each half at most, as in sae-families: its select and test sequences stay what they are."""


@dataclass(frozen=True)
class ComparedFamilies:
    """Families, and their sequences in two halves that share no cluster; one sequence stands for a cluster.

    ``labels`` are positions in ``families``; ``held_out`` says which sequences lie in the half that nothing is chosen
    on. ``others`` are all further sequences of the dataset that a model can read.
    """

    families: tuple[str, ...]
    records: tuple[Record, ...]
    labels: Integers
    held_out: Membership
    others: tuple[Record, ...]
    window: int

    @property
    def select(self) -> Integers:
        return np.flatnonzero(~self.held_out)

    @property
    def test(self) -> Integers:
        return np.flatnonzero(self.held_out)

    def member(self, rows: Integers) -> Membership:
        """(rows, families)."""
        return one_label_each(self.labels[rows], len(self.families))

    def of_family(self, family: int) -> Integers:
        """Rows of a family, the held-out ones first."""
        own = np.flatnonzero(self.labels == family)
        return own[np.argsort(~self.held_out[own], kind="stable")]


def compared_families(dataset: Dataset, settings: SaeFamiliesSettings, clusters: int) -> ComparedFamilies:
    """Families with at least ``clusters`` clusters, half of them held out.

    Raises:
        NotApplicable: fewer than two families have so many.
        InputError: ``clusters`` leaves nothing for one of the halves.
    """
    if clusters < 2:
        raise InputError(f"--clusters {clusters}: a family needs 2 clusters or more, one for each half")
    skipped: Counter[str] = Counter()
    records = distinct(usable(dataset.records, settings, skipped), skipped)
    cluster = clusters_of(dataset.subset(records)) if records else []
    splits = family_splits(
        [record.family for record in records],
        cluster,
        [record.split for record in records],
        minimum_clusters=clusters,
        per_split=clusters // 2 if _has_splits(records) else PER_HALF,
        most_clusters=2 * PER_HALF,
    )
    rows, labels = zip(*(splits.scored(half) for half in ("select", "test")), strict=True)
    chosen = np.concatenate(rows)
    scored = tuple(records[row] for row in chosen)
    taken = set(chosen.tolist())
    return ComparedFamilies(
        families=splits.families,
        records=scored,
        labels=np.concatenate(labels),
        held_out=np.repeat([False, True], [len(part) for part in rows]),
        others=tuple(record for row, record in enumerate(records) if row not in taken),
        window=window_length([len(record.sequence) for record in scored]),
    )


def _has_splits(records: Sequence[Record]) -> bool:
    return any(record.split is not None for record in records)
