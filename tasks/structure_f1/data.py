"""Which RNAs choose the head and which test it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from harness.adapter import ModelAdapter
from harness.datasets.records import Dataset, Record, Split
from harness.datasets.selection import by_hash, choosing_half, distinct, left_out_for_the_model, usable
from harness.errors import InputError, NotApplicable
from tasks.structure_f1.maps import Indices, pair_index, positions
from tasks.structure_f1.settings import StructureF1Settings

INSIDE = "base pairs inside one token of the model"


@dataclass(frozen=True)
class Rna:
    """A record with known base pairs. Scores of its pairs i < j are vectors of ``pairs`` numbers, row by row.

    ``token_of`` is the model's (:meth:`harness.adapter.ModelAdapter.token_of`); without it every nucleotide has a token
    of its own. Pairs inside one token cannot be told apart: they are neither known nor non-pairs, and nothing counts
    them. That concerns codons, byte pairs and k-mers side by side, where the nucleotides of a token get one vector.
    Overlapping k-mers keep every pair, unless an RNA is so short that some nucleotides are in all of its k-mers.
    """

    record: Record
    token_of: Indices | None = None

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
        return np.setdiff1d(self._recorded, self.inside)

    @cached_property
    def inside(self) -> Indices:
        """Indices of the pairs inside one token, ascending."""
        if self.token_of is None:
            return np.empty(0, dtype=np.int64)
        i, j = positions(self.length)
        return np.flatnonzero(self.token_of[i] == self.token_of[j])

    @property
    def lost(self) -> int:
        """How many base pairs lie inside one token."""
        return len(np.intersect1d(self._recorded, self.inside))

    @property
    def _recorded(self) -> Indices:
        i, j = np.array(self.record.pairs or (), dtype=np.int64).reshape(-1, 2).T
        return np.unique(pair_index(i, j, self.length))

    @property
    def known_pairs(self) -> list[tuple[int, int]]:
        """The known base pairs (i, j) themselves, in the order of :attr:`known`."""
        i, j = (place[self.known].tolist() for place in positions(self.length))
        return list(zip(i, j, strict=True))

    @property
    def unit(self) -> str:
        """What the bootstrap draws: the family, where known, else the sequence cluster, else the RNA itself."""
        return f"family {self.record.family}" if self.record.family else self.record.cluster or self.record.id


@dataclass(frozen=True)
class StructureData:
    """The RNAs of a cell by split, what was left out and why, and how the splits came about."""

    train: tuple[Rna, ...]
    select: tuple[Rna, ...]
    test: tuple[Rna, ...]
    skipped: dict[str, int]
    split: str

    def item_set(self, dataset: Dataset) -> str:
        """Hash of the RNAs that choose and are scored: models of unequal ones cannot be ranked with each other."""
        return dataset.subset(rna.record for rna in (*self.select, *self.test)).fingerprint


def prepare(dataset: Dataset, model: ModelAdapter, settings: StructureF1Settings) -> StructureData:
    """RNAs with known structure that every model can be compared on, in the order of their ids.

    ``limit`` and ``train_records`` take so many of a split by the hash of their ids, not the first ones. Records
    without a given split are halved by family: exact duplicates are dropped first, then each family, in the order of
    its hash, goes to the half that is the smaller so far. Records of no family count as families of their own.

    Raises:
        InputError: the dataset has no base pairs, or no validation or test RNA.
        NotApplicable: none is left of the lengths asked for, or whose pairs the model's tokens tell apart.
    """
    name, limit = dataset.card.name, settings.limit
    if not any(record.pairs for record in dataset.records):
        raise InputError(f"dataset {name} has no base pairs: choose one with known structures")
    skipped: Counter[str] = Counter()
    records = usable(dataset.records, settings, skipped, _unpaired)
    if any(record.split for record in records):
        split = "given"
        skipped["RNAs without a split"] = sum(record.split is None for record in records)
    else:
        split = "halves by family, made here"
        records = _halved(records, skipped)

    def take(part: Split, most: int | None) -> tuple[Rna, ...]:
        members = [record for record in records if record.split == part]
        chosen = set(by_hash(record.id for record in members)[:most])
        if limit is not None:
            skipped["RNAs beyond --limit"] += len(members) - len(chosen)
        return tuple(Rna(record, model.token_of(record.sequence)) for record in members if record.id in chosen)

    train = take("train", settings.train_records if limit is None else min(limit, settings.train_records))
    select, test = take("select", limit), take("test", limit)
    skipped[INSIDE] = sum(rna.lost for rna in (*train, *select, *test))
    counts = {reason: count for reason, count in skipped.items() if count}
    for rnas, label in ((select, "validation (select)"), (test, "test")):
        if not any(len(rna.known) for rna in rnas):
            missing = f"dataset {name} has no {label} RNA with base pairs"
            if refused := left_out_for_the_model(counts):
                raise NotApplicable(f"{missing} that {model.card.name} can be scored on ({refused})")
            raise InputError(f"{missing}: give splits select and test, or raise --limit")
    return StructureData(train, select, test, counts, split)


def _unpaired(record: Record) -> str | None:
    return "base pairs unknown" if record.pairs is None else None


def _halved(records: Sequence[Record], skipped: Counter[str]) -> list[Record]:
    kept = distinct(records, skipped, within_families=False)
    choosing = choosing_half(Counter(_group(record) for record in kept))
    return [replace(record, split="select" if _group(record) in choosing else "test") for record in kept]


def _group(record: Record) -> str:
    return record.family or record.id
