"""Which sequences sae-families uses, and for what."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.datasets.clusters import clusters
from harness.datasets.records import Dataset, Record
from harness.datasets.selection import left_out_for_the_model, why_left_out
from harness.errors import NotApplicable
from tasks.sae.aggregate import window_length
from tasks.sae_families.scores import Items
from tasks.sae_families.settings import SaeFamiliesSettings
from tasks.sae_families.splits import FamilySplits, family_splits


@dataclass(frozen=True)
class ScoredFamilies:
    """The sequences of a cell: ``train`` ones feed the autoencoders, ``scored`` ones are those of select and test."""

    train: tuple[Record, ...]
    scored: tuple[Record, ...]
    scored_clusters: tuple[str, ...]
    items: Items
    eligible: int
    window: int
    skipped: dict[str, int]

    @property
    def clans(self) -> list[str | None]:
        """Clan of every family, in the order of ``items.families``."""
        clan = {record.family: record.clan for record in self.scored}
        return [clan.get(family) for family in self.items.families]


def prepare(dataset: Dataset, settings: SaeFamiliesSettings) -> ScoredFamilies:
    """Leave out what no model can be compared on, cluster, split, and take ``limit`` eligible families by hash.

    Raises:
        NotApplicable: fewer than two families have enough clusters of sequences of the lengths asked for.
    """
    skipped: Counter[str] = Counter()
    records = _usable(dataset.records, settings, skipped)
    cluster = _clusters(dataset.subset(records)) if records else []
    try:
        splits = family_splits([r.family for r in records], cluster, [r.split for r in records])
    except NotApplicable as error:
        refused = left_out_for_the_model(skipped)
        raise NotApplicable(f"{error} ({refused})" if refused else str(error)) from None
    skipped.update(splits.left_out)
    families = _chosen(splits.families, settings.limit)
    position = {family: k for k, family in enumerate(families)}
    select, test = (_scored_rows(splits, split, records, position) for split in ("select", "test"))
    train = [int(row) for row in splits.train()]
    if settings.limit is not None:
        train = [row for row in train if records[row].family in position]
        skipped["records outside the families of --limit"] = len(splits.train()) - len(train)
    scored = [*select, *test]
    labels = np.array([position[records[row].family or ""] for row in scored], dtype=np.int64)
    middle = len(select)
    rows = np.arange(len(scored))
    items = Items(families, rows[:middle], labels[:middle], rows[middle:], labels[middle:], settings.draws)
    return ScoredFamilies(
        train=tuple(records[row] for row in train),
        scored=tuple(records[row] for row in scored),
        scored_clusters=tuple(cluster[row] for row in scored),
        items=items,
        eligible=len(splits.families),
        window=window_length([len(records[row].sequence) for row in scored]),
        skipped={reason: count for reason, count in skipped.items() if count},
    )


def _usable(records: Sequence[Record], settings: SaeFamiliesSettings, skipped: Counter[str]) -> list[Record]:
    """Records in the order of their ids, without other lengths than asked for, those of mostly N, and exact duplicates
    in a family."""
    kept: list[Record] = []
    seen: set[tuple[str | None, str]] = set()
    for record in sorted(records, key=lambda record: record.id):
        if reason := why_left_out(record, settings):
            skipped[reason] += 1
        elif (record.family, record.sequence) in seen:
            skipped["exact duplicates"] += 1
        else:
            seen.add((record.family, record.sequence))
            kept.append(record)
    return kept


def _clusters(dataset: Dataset) -> list[str]:
    """The dataset's own clusters where every record has one, else those of sequence identity."""
    own = [record.cluster for record in dataset.records]
    if all(name is not None for name in own):
        return [str(name) for name in own]
    found = clusters(dataset)
    return [found[record.id] for record in dataset.records]


def _chosen(families: Sequence[str], limit: int | None) -> tuple[str, ...]:
    """``limit`` families by the hash of their names, in the order of names."""
    by_hash = sorted(families, key=lambda family: hashlib.sha256(family.encode()).hexdigest())
    return tuple(sorted(by_hash[:limit]))


def _scored_rows(splits: FamilySplits, split: str, records: Sequence[Record], position: dict[str, int]) -> list[int]:
    rows, _ = splits.scored("select" if split == "select" else "test")
    return [int(row) for row in rows if records[row].family in position]
