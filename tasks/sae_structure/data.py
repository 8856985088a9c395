"""Which RNAs train the autoencoders, which choose features, and which are scored."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from harness.datasets.clusters import clusters_of, kin
from harness.datasets.records import SPLITS, Dataset, Record, Split
from harness.datasets.selection import (
    by_hash,
    distinct,
    left_out_for_the_model,
    shares_of_limit,
    some_by_hash,
    usable,
)
from harness.datasets.tables import where_to_put
from harness.errors import NotApplicable
from harness.progress import QUIET, Progress
from tasks.sae_structure.settings import SaeStructureSettings

FEWEST_NEW = 20
"""Fewer test RNAs of new families make no part of their own."""


@dataclass(frozen=True)
class StructuredRnas:
    """RNAs with known structure by split, in the order of their ids.

    ``select_units`` and ``test_units`` name what a bootstrap draws: the family of an RNA, where known, else its
    cluster. ``new`` (test RNAs,) marks those of a known family that neither train nor select holds, and that share no
    cluster with them. ``split`` says how the splits came about.
    """

    train: tuple[Record, ...]
    select: tuple[Record, ...]
    test: tuple[Record, ...]
    select_units: tuple[str, ...]
    test_units: tuple[str, ...]
    new: NDArray[np.bool_]
    skipped: dict[str, int]
    split: str

    @property
    def used(self) -> tuple[Record, ...]:
        return (*self.train, *self.select, *self.test)


def prepare(dataset: Dataset, settings: SaeStructureSettings, progress: Progress = QUIET) -> StructuredRnas:
    """Leave out what no model can be compared on and what has no structure, split, and take ``limit`` RNAs by hash.

    Without given splits, groups of kin (RNAs that share a family or a cluster) stay whole: half of the RNAs train, a
    quarter chooses and a quarter is scored.

    Raises:
        NotApplicable: no structures, or a split without an RNA.
    """
    name = dataset.card.name
    if not any(_structured(record) for record in dataset.records):
        columns = where_to_put(dataset, "loop_types", "base_pairs", "dotbracket")
        raise NotApplicable(f"dataset {name} has no structures{columns}: sae-structure needs base pairs or loop types")
    skipped: Counter[str] = Counter()
    reason = "records without structure"
    records = usable(dataset.records, settings, skipped, lambda r: None if _structured(r) else reason)
    records = distinct(records, skipped, within_families=False)
    clusters = clusters_of(dataset.subset(records), progress) if records else []
    records = [replace(record, cluster=cluster) for record, cluster in zip(records, clusters, strict=True)]
    how = "given"
    if not any(record.split for record in records):
        how = "by family and cluster, made here"
        records = _split_by_kin(records)
    parts: dict[Split, list[Record]] = {split: [r for r in records if r.split == split] for split in SPLITS}
    skipped["records without a split"] = sum(record.split is None for record in records)
    known = [*parts["train"], *parts["select"]]  # before a limit, so that what is new does not depend on it
    if settings.limit is not None:
        shares = shares_of_limit({split: len(members) for split, members in parts.items()}, settings.limit)
        skipped["records beyond --limit"] = sum(map(len, parts.values())) - sum(shares.values())
        parts = {split: some_by_hash(members, shares[split]) for split, members in parts.items()}
    counts = {reason: count for reason, count in skipped.items() if count}
    for split, members in parts.items():
        if not members:
            refused = left_out_for_the_model(counts)
            raise NotApplicable(f"dataset {name} has no {split} RNA with structure{f' ({refused})' if refused else ''}")
    train, select, test = (tuple(parts[split]) for split in SPLITS)
    return StructuredRnas(train, select, test, _units(select), _units(test), _new(test, known), counts, how)


def _structured(record: Record) -> bool:
    return record.pairs is not None or record.given_loop_types is not None


def _units(records: Sequence[Record]) -> tuple[str, ...]:
    return tuple(f"family {record.family}" if record.family else record.cluster or record.id for record in records)


def _new(test: Sequence[Record], known: Sequence[Record]) -> NDArray[np.bool_]:
    families, clusters = {record.family for record in known}, {record.cluster for record in known}
    return np.array([bool(r.family) and r.family not in families and r.cluster not in clusters for r in test])


def _split_by_kin(records: Sequence[Record]) -> list[Record]:
    group = kin(records, [record.cluster or record.id for record in records])
    filled: dict[Split, float] = {"test": 0, "select": 0, "train": 0}
    side: dict[str, Split] = {}
    sizes = Counter(group)
    for name in by_hash(sizes):
        side[name] = min(filled, key=lambda split: filled[split])
        filled[side[name]] += sizes[name] / (2 if side[name] == "train" else 1)
    return [replace(record, split=side[own]) for record, own in zip(records, group, strict=True)]
