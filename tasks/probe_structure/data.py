"""The RNAs of probe-structure: train fits a probe, select chooses, test scores, and no family is in two of them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace

from harness.adapter import ModelAdapter
from harness.datasets.clusters import clusters_of, kin
from harness.datasets.records import Dataset, Record, Split
from harness.datasets.selection import by_hash, choosing_half, distinct, left_out_for_the_model, usable
from harness.errors import InputError, NotApplicable
from harness.progress import QUIET, Progress
from tasks.probe_structure.settings import ProbeStructureSettings
from tasks.structure.data import StructureData, split_rnas

_ORDER: tuple[Split, ...] = ("test", "select", "train")


def prepare(
    dataset: Dataset, model: ModelAdapter, settings: ProbeStructureSettings, progress: Progress = QUIET
) -> StructureData:
    """RNAs with known pairs by split; a family, and what shares a cluster with it, is in one split only.

    Given splits are kept: a family in several of them stays in one, and its other RNAs are left out. Without a training
    part, half of the validation families train. Without any splits, families go to three parts of equal size.

    Raises:
        InputError: the dataset has no base pairs, or too few families or RNAs that are apart.
        NotApplicable: the model's lengths or tokens leave too few.
    """
    skipped: Counter[str] = Counter()
    records = usable(dataset.records, settings, skipped, lambda r: "base pairs unknown" if r.pairs is None else None)
    if any(record.split for record in records):
        kept, split = _given(records, skipped)
    else:
        kept, split = _made(dataset, records, skipped, progress), "thirds by family and cluster, made here"
    missing = [part for part in _ORDER if not any(record.split == part for record in kept)]
    if records and missing:
        line = (
            f"dataset {dataset.card.name} has no RNAs for {' and '.join(missing)}: a probe is fitted, chosen and "
            "scored on RNAs of different families"
        )
        if refused := left_out_for_the_model(skipped):
            raise NotApplicable(f"{line} ({refused})")
        raise InputError(f"{line}; add families")
    found = split_rnas(
        dataset.subset(kept) if kept else dataset,
        model,
        settings,
        "probe-structure",
        train_records=len(kept),
        progress=progress,
    )
    if not any(len(rna.known) for rna in found.train):
        raise InputError(f"dataset {dataset.card.name} has no training RNA with base pairs: raise --limit")
    counts = Counter(found.skipped) + skipped
    return replace(found, skipped={reason: count for reason, count in counts.items() if count}, split=split)


def _given(records: Sequence[Record], skipped: Counter[str]) -> tuple[list[Record], str]:
    """Records with their own splits, without those whose family has another one, and what was done."""
    group = kin(records, [record.cluster or record.id for record in records])
    sizes: dict[str, Counter[Split]] = defaultdict(Counter)
    for record, own in zip(records, group, strict=True):
        if record.split is not None:
            sizes[own][record.split] += 1
    home = _homes(sizes)
    kept = [r for r, own in zip(records, group, strict=True) if r.split is None or r.split == home[own]]
    if len(kept) < len(records):
        skipped["RNAs of a family that is kept in another split"] += len(records) - len(kept)
    split = "given, each family in one split only" if len(kept) < len(records) else "given"
    if any(record.split == "train" for record in kept):
        return kept, split
    halves = Counter(own for record, own in zip(records, group, strict=True) if record.split == "select")
    choosing = choosing_half(halves)
    of = dict(zip((record.id for record in records), group, strict=True))
    kept = [
        replace(record, split="train") if record.split == "select" and of[record.id] not in choosing else record
        for record in kept
    ]
    return kept, f"{split}; no training part, so half of the validation families train"


def _made(dataset: Dataset, records: Sequence[Record], skipped: Counter[str], progress: Progress) -> list[Record]:
    """Records in three parts of equal size; what is of one family or of one cluster is of one part."""
    if not records:
        return []
    kept = distinct(records, skipped, within_families=False)
    clusters = clusters_of(dataset.subset(kept), progress)
    group = kin(kept, clusters)
    home = _homes({name: Counter(dict.fromkeys(_ORDER, size)) for name, size in Counter(group).items()})
    return [replace(r, split=home[own], cluster=c) for r, own, c in zip(kept, group, clusters, strict=True)]


def _homes(sizes: dict[str, Counter[Split]]) -> dict[str, Split]:
    """One split for each group among those that it has records in: the one that is the smallest so far.

    Groups that are in one split come first; the others follow in the order of the hashes of their names.
    """
    home: dict[str, Split] = {}
    total: Counter[Split] = Counter()
    for name in sorted(by_hash(sizes), key=lambda name: len(sizes[name]) > 1):
        own = sizes[name]
        if own:
            home[name] = min((part for part in _ORDER if own[part]), key=lambda part: total[part])
            total[home[name]] += own[home[name]]
    return home
