"""Which RNAs choose the head and which test it."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from harness.adapter import ModelAdapter
from harness.alignment import Alignment
from harness.datasets.alignments import filter_depth
from harness.datasets.records import Dataset, Record, Split
from harness.errors import InputError
from tasks.structure.maps import Indices, pair_index


@dataclass(frozen=True)
class Rna:
    """A record with known base pairs. Scores of its pairs i < j are vectors of ``pairs`` numbers, row by row."""

    record: Record

    @property
    def sequence(self) -> str:
        return self.record.sequence

    @property
    def length(self) -> int:
        return len(self.record.sequence)

    @property
    def pairs(self) -> int:
        return self.length * (self.length - 1) // 2

    @cached_property
    def known(self) -> Indices:
        """Indices of the known base pairs among all pairs, ascending; multiplets and non-canonical ones included."""
        i, j = np.array(self.record.pairs or (), dtype=np.int64).reshape(-1, 2).T
        return np.unique(pair_index(i, j, self.length))

    @property
    def unit(self) -> str:
        """What the bootstrap draws: the family, where known, else the sequence cluster, else the RNA itself."""
        return f"family {self.record.family}" if self.record.family else self.record.cluster or self.record.id

    def alignment(self, depth: int | None) -> Alignment:
        """The first ``depth`` rows of its alignment, all for None; the sequence alone where it has none."""
        whole = self.record.alignment or Alignment(self.record.id, (self.sequence,))
        return whole if depth is None else filter_depth(whole, depth)


@dataclass(frozen=True)
class StructureData:
    """The RNAs of a cell by split, what was left out and why, and how the splits came about."""

    train: tuple[Rna, ...]
    select: tuple[Rna, ...]
    test: tuple[Rna, ...]
    skipped: dict[str, int]
    split: str


def prepare(
    dataset: Dataset, model: ModelAdapter, longest: int, train_records: int, limit: int | None = None
) -> StructureData:
    """RNAs with known structure that every model can be compared on, in the order of their ids.

    ``limit`` and ``train_records`` take so many of a split by the hash of their ids, not the first ones. Records
    without a given split are halved by family: exact duplicates are dropped first, then each family, in the order of
    its hash, goes to the half that is the smaller so far. Records of no family count as families of their own.

    Raises:
        InputError: the dataset has no base pairs, or no validation or test RNA is left.
    """
    name = dataset.card.name
    if not any(record.pairs for record in dataset.records):
        raise InputError(f"dataset {name} has no base pairs: structure-f1 needs one with known structures")
    skipped: Counter[str] = Counter()
    records = _usable(dataset.records, longest, model, skipped)
    if any(record.split for record in records):
        split = "given"
        skipped["RNAs of no split"] = sum(record.split is None for record in records)
    else:
        split = "halves by family, made here"
        records = _halved(records, skipped)

    def take(part: Split, most: int | None) -> tuple[Rna, ...]:
        members = [record for record in records if record.split == part]
        chosen = set(sorted((record.id for record in members), key=_hash)[:most])
        if limit is not None:
            skipped["RNAs beyond --limit"] += len(members) - len(chosen)
        return tuple(Rna(record) for record in members if record.id in chosen)

    train = take("train", train_records if limit is None else min(limit, train_records))
    data = StructureData(
        train, take("select", limit), take("test", limit), {k: n for k, n in skipped.items() if n}, split
    )
    for part, label in ((data.select, "validation (select)"), (data.test, "test")):
        if not any(len(rna.known) for rna in part):
            raise InputError(
                f"dataset {name} has no {label} RNA with base pairs of at most {longest} nt that {model.card.name} "
                "takes: give splits select and test, or raise --limit or the setting longest"
            )
    return data


def _usable(records: Sequence[Record], longest: int, model: ModelAdapter, skipped: Counter[str]) -> list[Record]:
    own = model.card.max_length
    kept = []
    for record in sorted(records, key=lambda record: record.id):
        length = len(record.sequence)
        if record.pairs is None:
            skipped["base pairs unknown"] += 1
        elif length > longest:
            skipped[f"longer than {longest} nt"] += 1
        elif 2 * record.sequence.count("N") >= length:
            skipped["sequences of mostly N"] += 1
        elif own is not None and length > own:
            skipped[f"longer than the model's limit of {own} nt"] += 1
        elif rule := model.card.broken_length_rule(length):
            skipped[f"the model takes {rule}"] += 1
        else:
            kept.append(record)
    return kept


def _halved(records: Iterable[Record], skipped: Counter[str]) -> list[Record]:
    distinct: dict[str, Record] = {}
    for record in records:
        if distinct.setdefault(record.sequence, record) is not record:
            skipped["exact duplicates"] += 1
    members: dict[str, list[Record]] = {}
    for record in distinct.values():
        members.setdefault(record.family or record.id, []).append(record)
    halves: dict[Split, list[Record]] = {"test": [], "select": []}
    for family in sorted(members, key=_hash):
        part = min(halves, key=lambda half: len(halves[half]))
        halves[part] += [replace(record, split=part) for record in members[family]]
    return sorted(halves["test"] + halves["select"], key=lambda record: record.id)


def _hash(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()
