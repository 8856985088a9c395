"""Which sequences are examples of a family, which choose and which test: one of a cluster, a cluster in one part."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.datasets.clusters import clusters_of
from harness.datasets.records import SPLITS, Dataset, Record, Split
from harness.datasets.selection import by_hash, distinct, left_out_for_the_model, usable
from harness.errors import NotApplicable
from harness.progress import QUIET, Progress
from tasks.probe_families.settings import ProbeFamiliesSettings
from tasks.probes.sources import first_examples

Integers = NDArray[np.int64]

FEWEST, MOST = 3, 10
"""Sequences of a family that choose, and as many that test: at least and at most."""


@dataclass(frozen=True)
class FamilyData:
    """Sequences by part, in the order of their ids, and the family of each as an index into ``families``."""

    families: tuple[str, ...]
    records: Mapping[Split, tuple[Record, ...]]
    labels: Mapping[Split, Integers]
    skipped: dict[str, int]
    split: str

    @property
    def all(self) -> tuple[Record, ...]:
        return tuple(record for part in SPLITS for record in self.records[part])

    def examples(self, count: int, seed: int) -> Integers:
        """Rows of ``count`` training sequences of every family, or of all that it has; few are among many."""
        names = [record.id for record in self.records["train"]]
        taken: Counter[int] = Counter()
        rows = []
        for row in first_examples(names, seed):
            label = int(self.labels["train"][row])
            if taken[label] < count:
                taken[label] += 1
                rows.append(row)
        return np.array(sorted(rows), dtype=np.int64)


def prepare(dataset: Dataset, settings: ProbeFamiliesSettings, progress: Progress = QUIET) -> FamilyData:
    """One sequence of every cluster, by part.

    Given splits are kept; a cluster given to several goes to the first of train, select, test. Without any, clusters of
    a family that are not needed as examples test and choose in turn, at most ``MOST`` of each; the rest train. A family
    needs enough for the largest number among ``examples``, and ``FEWEST`` to choose and to test.

    Raises:
        NotApplicable: fewer than two families have enough clusters.
    """
    skipped: Counter[str] = Counter()
    records = distinct(usable(dataset.records, settings, skipped), skipped)
    clusters = clusters_of(dataset.subset(records), progress) if records else []
    members: dict[str, list[Record]] = defaultdict(list)
    for record, cluster in zip(records, clusters, strict=True):
        members[cluster].append(record)
    given = any(record.split for record in records)
    needed = max(settings.examples)
    eligible = {
        family: parts
        for family, own in _by_family(members).items()
        if len((parts := _as_given(own) if given else _drawn(own, needed))["train"]) >= needed
        and min(len(parts["select"]), len(parts["test"])) >= FEWEST
    }
    every = {record.family for record in records if record.family}
    skipped["families with too few clusters"] = len(every) - len(eligible)
    skipped["sequences of no family"] = sum(record.family is None for record in records)
    if len(eligible) < 2:
        refused = left_out_for_the_model(skipped)
        raise NotApplicable(
            f"{len(eligible)} of {len(every)} families have {needed} clusters of sequences to train and {FEWEST} to "
            f"choose and to test; telling families apart needs two{f' ({refused})' if refused else ''}"
        )
    families = tuple(sorted(by_hash(eligible)[: settings.limit]))
    skipped["families beyond --limit"] = len(eligible) - len(families)
    found: dict[Split, list[Record]] = {part: [] for part in SPLITS}
    for family in families:
        for part, most in (("train", settings.most_examples), ("select", MOST), ("test", MOST)):
            found[part] += eligible[family][part][:most]  # type: ignore[index]
    place = {family: k for k, family in enumerate(families)}
    ordered = {part: tuple(sorted(own, key=lambda record: record.id)) for part, own in found.items()}
    labels = {part: np.array([place[r.family or ""] for r in own], dtype=np.int64) for part, own in ordered.items()}
    counts = {reason: count for reason, count in skipped.items() if count}
    return FamilyData(families, ordered, labels, counts, "given" if given else "by cluster, made here")


def _by_family(members: Mapping[str, Sequence[Record]]) -> dict[str, dict[str, Sequence[Record]]]:
    """Family -> clusters -> records; a cluster that spans families is of the first by name, its others left out."""
    found: dict[str, dict[str, Sequence[Record]]] = defaultdict(dict)
    for cluster, records in members.items():
        names = sorted({record.family for record in records if record.family})
        if names:
            found[names[0]][cluster] = [record for record in records if record.family == names[0]]
    return found


def _one(records: Sequence[Record]) -> Record:
    first = by_hash(record.id for record in records)[0]
    return next(record for record in records if record.id == first)


def _as_given(clusters: Mapping[str, Sequence[Record]]) -> dict[Split, list[Record]]:
    parts: dict[Split, list[Record]] = {part: [] for part in SPLITS}
    for cluster in by_hash(clusters):
        own = clusters[cluster]
        part = next((part for part in SPLITS if any(record.split == part for record in own)), None)
        if part is not None:
            parts[part].append(_one(own))
    return parts


def _drawn(clusters: Mapping[str, Sequence[Record]], needed: int) -> dict[Split, list[Record]]:
    order = [_one(clusters[cluster]) for cluster in by_hash(clusters)]
    scored = min(MOST, max(0, len(order) - needed) // 2)
    return {"test": order[:scored], "select": order[scored : 2 * scored], "train": order[2 * scored :]}
