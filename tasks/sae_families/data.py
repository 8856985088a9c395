"""Which sequences sae-families uses, and for what."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.datasets.clusters import clusters_of
from harness.datasets.records import Dataset, Record
from harness.datasets.selection import by_hash, distinct, left_out_for_the_model, usable
from harness.errors import NotApplicable
from harness.progress import QUIET, Progress
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


def prepare(dataset: Dataset, settings: SaeFamiliesSettings, progress: Progress = QUIET) -> ScoredFamilies:
    """Leave out what no model can be compared on, cluster, split, and take ``limit`` eligible families by hash.

    Raises:
        NotApplicable: fewer than two families have enough clusters of sequences of the lengths asked for.
    """
    skipped: Counter[str] = Counter()
    records = distinct(usable(dataset.records, settings, skipped), skipped)
    cluster = clusters_of(dataset.subset(records), progress) if records else []
    try:
        splits = family_splits([r.family for r in records], cluster, [r.split for r in records])
    except NotApplicable as error:
        refused = left_out_for_the_model(skipped)
        raise NotApplicable(f"{error} ({refused})" if refused else str(error)) from None
    skipped.update(splits.left_out)
    families = tuple(sorted(by_hash(splits.families)[: settings.limit]))
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


def _scored_rows(splits: FamilySplits, split: str, records: Sequence[Record], position: dict[str, int]) -> list[int]:
    rows, _ = splits.scored("select" if split == "select" else "test")
    return [int(row) for row in rows if records[row].family in position]
