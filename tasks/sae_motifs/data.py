"""Which sequences train the autoencoders, which give motifs, and which confirm them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from harness.datasets.clusters import clusters_of
from harness.datasets.records import SPLITS, Dataset, Record, Split
from harness.datasets.selection import (
    by_hash,
    distinct,
    left_out_for_the_model,
    shares_of_limit,
    some_by_hash,
    usable,
)
from harness.errors import NotApplicable
from tasks.sae_motifs.settings import SaeMotifsSettings


@dataclass(frozen=True)
class MotifSequences:
    """Sequences by split, in the order of their ids; no cluster lies in two splits. ``split`` says how they came
    about."""

    train: tuple[Record, ...]
    select: tuple[Record, ...]
    test: tuple[Record, ...]
    skipped: dict[str, int]
    split: str

    @property
    def used(self) -> tuple[Record, ...]:
        return (*self.train, *self.select, *self.test)


def prepare(dataset: Dataset, settings: SaeMotifsSettings) -> MotifSequences:
    """Leave out what no model can be compared on, split, and take ``limit`` sequences by hash.

    Without given splits, at most ``settings.sequences`` are taken by hash and clusters stay whole: half of the
    sequences train, a quarter gives motifs and a quarter confirms them. With given ones, a select or train sequence
    that shares a cluster with test is left out, and so is a train sequence that shares one with select.

    Raises:
        NotApplicable: a split without a sequence.
    """
    skipped: Counter[str] = Counter()
    records = distinct(usable(dataset.records, settings, skipped), skipped, within_families=False)
    given = any(record.split for record in records)
    if not given:
        every = len(records)
        records = some_by_hash(records, settings.sequences)
        skipped[f"sequences beyond the {settings.sequences:,} that are used"] = every - len(records)
    clusters = clusters_of(dataset.subset(records)) if records else []
    records = [replace(record, cluster=cluster) for record, cluster in zip(records, clusters, strict=True)]
    records = _apart(records, skipped) if given else _split(records)
    parts: dict[Split, list[Record]] = {split: [r for r in records if r.split == split] for split in SPLITS}
    skipped["records without a split"] = sum(record.split is None for record in records)
    if settings.limit is not None:
        shares = shares_of_limit({split: len(members) for split, members in parts.items()}, settings.limit)
        skipped["records beyond --limit"] = sum(map(len, parts.values())) - sum(shares.values())
        parts = {split: some_by_hash(members, shares[split]) for split, members in parts.items()}
    counts = {reason: count for reason, count in skipped.items() if count}
    for split, members in parts.items():
        if not members:
            refused = left_out_for_the_model(counts)
            raise NotApplicable(
                f"dataset {dataset.card.name} has no {split} sequence{f' ({refused})' if refused else ''}"
            )
    train, select, test = (tuple(parts[split]) for split in SPLITS)
    return MotifSequences(train, select, test, counts, "given" if given else "by cluster, made here")


def _split(records: Sequence[Record]) -> list[Record]:
    sizes = Counter(record.cluster or record.id for record in records)
    filled: dict[Split, float] = {"test": 0, "select": 0, "train": 0}
    side: dict[str, Split] = {}
    for name in by_hash(sizes):
        side[name] = min(filled, key=lambda split: filled[split])
        filled[side[name]] += sizes[name] / (2 if side[name] == "train" else 1)
    return [replace(record, split=side[record.cluster or record.id]) for record in records]


def _apart(records: Sequence[Record], skipped: Counter[str]) -> list[Record]:
    """Without the records that share a cluster with a later split."""
    held: set[str | None] = set()
    kept: set[str] = set()
    for split in reversed(SPLITS):
        own = [record for record in records if record.split == split]
        kept.update(record.id for record in own if record.cluster not in held)
        held.update(record.cluster for record in own)
    kept.update(record.id for record in records if record.split is None)
    skipped["sequences that share a cluster with another split"] = len(records) - len(kept)
    return [record for record in records if record.id in kept]
