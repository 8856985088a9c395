"""Which RNAs choose a map and a threshold, and which test them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from harness.adapter import ModelAdapter
from harness.datasets.clusters import clusters_of, kin
from harness.datasets.records import SPLITS, Dataset, Record, Split
from harness.datasets.selection import (
    choosing_half,
    distinct,
    left_out_for_the_model,
    shares_of_limit,
    some_by_hash,
    usable,
)
from harness.datasets.tables import where_to_put
from harness.errors import InputError, NotApplicable
from harness.progress import QUIET, Progress
from harness.task import TaskSettings
from tasks.structure.kinds import BASE_PAIRS, KINDS, PairKind
from tasks.structure.maps import Indices, pair_index, positions

INSIDE = "base pairs inside one token of the model"


@dataclass(frozen=True)
class Rna:
    """A record with known base pairs, or the chain of a protein with known contacts: ``kind`` says which. Scores of its
    pairs i < j are vectors of ``pairs`` numbers, row by row.

    ``token_of`` is the model's (:meth:`harness.adapter.ModelAdapter.token_of`); without it every nucleotide has a token
    of its own. Pairs inside one token cannot be told apart: they are neither known nor non-pairs, and nothing counts
    them. That concerns codons, byte pairs and k-mers side by side, where the nucleotides of a token get one vector.
    Overlapping k-mers keep every pair, unless an RNA is so short that some nucleotides are in all of its k-mers.
    """

    record: Record
    token_of: Indices | None = None
    kind: PairKind = BASE_PAIRS

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
        return np.setdiff1d(self._recorded, self.uncounted)

    @cached_property
    def uncounted(self) -> Indices:
        """Indices of the pairs that are neither known nor non-pairs, ascending: :attr:`inside`, and those that the
        ``kind`` leaves out."""
        i, j = positions(self.length)
        left_out = j - i < self.kind.nearest
        if self.kind.unplaced:
            unplaced = np.array([letter == self.kind.unplaced for letter in self.sequence])
            left_out |= unplaced[i] | unplaced[j]
        return np.union1d(self.inside, np.flatnonzero(left_out))

    @property
    def counted(self) -> int:
        """How many pairs are known or non-pairs."""
        return self.pairs - len(self.uncounted)

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


def split_rnas(
    dataset: Dataset,
    model: ModelAdapter,
    settings: TaskSettings,
    task: str,
    train_records: int = 0,
    progress: Progress = QUIET,
) -> StructureData:
    """RNAs with known structure for ``task`` that every model can be compared on, in the order of their ids.

    ``limit`` and ``train_records`` take RNAs by the hash of their ids, not the first ones. Records without a given
    split are halved: exact duplicates are dropped first, then families and clusters of near-identical sequences, each
    of them whole, go to the half that is the smaller so far.

    Raises:
        InputError: the dataset has no base pairs or contacts, no two RNAs that are apart, or no validation or test RNA.
        NotApplicable: none is left of the lengths asked for, or whose pairs the model's tokens tell apart.
    """
    kind = KINDS[dataset.card.alphabet]
    if not any(record.pairs for record in dataset.records):
        raise InputError(
            f"dataset {dataset.card.name} has no {kind.pair}s{where_to_put(dataset, 'base_pairs', 'dotbracket')}: "
            f"{task} needs one with known structures"
        )
    skipped: Counter[str] = Counter()
    reason = f"{kind.pair}s unknown"
    records = usable(
        dataset.records, settings, skipped, lambda r: reason if r.pairs is None else None, dataset.card.alphabet
    )
    split = "given"
    if not any(record.split for record in records):
        split = "halves by family and cluster, made here"
        records = _halved(dataset, records, skipped, model.card.name, progress)
    parts: dict[Split, list[Record]] = {part: [] for part in SPLITS}
    for record in records:
        if record.split is None:
            skipped[f"{kind.molecules} without a split"] += 1
        else:
            parts[record.split].append(record)
    parts["train"] = some_by_hash(parts["train"], train_records)
    if settings.limit is not None:
        shares = shares_of_limit({part: len(members) for part, members in parts.items()}, settings.limit)
        skipped[f"{kind.molecules} beyond --limit"] = sum(len(members) for members in parts.values()) - sum(
            shares.values()
        )
        parts = {part: some_by_hash(members, shares[part]) for part, members in parts.items()}
    train, select, test = (
        tuple(Rna(record, model.token_of(record.sequence), kind) for record in parts[part]) for part in SPLITS
    )
    skipped[INSIDE] = sum(rna.lost for rna in (*train, *select, *test))
    counts = {reason: count for reason, count in skipped.items() if count}
    for rnas, label in ((select, "validation (select)"), (test, "test")):
        if not any(len(rna.known) for rna in rnas):
            advice = "give splits select and test" if settings.limit is None else "raise --limit"
            raise _too_few(dataset, f"no {label} {kind.molecule} with {kind.pair}s", counts, advice, model.card.name)
    return StructureData(train, select, test, counts, split)


def _too_few(
    dataset: Dataset, missing: str, counts: Mapping[str, int], advice: str, model: str
) -> InputError | NotApplicable:
    """The error for a dataset with too few RNAs: a matter of the model where its lengths or tokens leave some out."""
    line = f"dataset {dataset.card.name} has {missing}"
    if refused := left_out_for_the_model(counts):
        return NotApplicable(f"{line} that {model} can be scored on ({refused})")
    reasons = "; ".join(f"{count:,} left out: {reason}" for reason, count in counts.items() if count)
    return InputError(f"{line}{f' ({reasons})' if reasons else ''}: {advice}")


def _halved(
    dataset: Dataset, records: Sequence[Record], skipped: Counter[str], model: str, progress: Progress
) -> list[Record]:
    """Records with a split and a cluster each; what is of one family or of one cluster is of one split."""
    kind = KINDS[dataset.card.alphabet]
    kept = distinct(records, skipped, within_families=False)
    advice = "a head is chosen on some RNAs and scored on others, so add some that are neither kin nor near-identical"
    if len(kept) < 2:
        raise _too_few(dataset, f"{'one' if kept else 'no'} usable {kind.molecule}", skipped, advice, model)
    clusters = clusters_of(dataset.subset(kept), progress)
    group = kin(kept, clusters)
    if len(set(group)) < 2:
        line = f"{len(kept):,} usable {kind.molecules}, all of one family or cluster"
        raise _too_few(dataset, line, skipped, advice, model)
    choosing = choosing_half(Counter(group))
    return [
        replace(record, split="select" if own in choosing else "test", cluster=cluster)
        for record, own, cluster in zip(kept, group, clusters, strict=True)
    ]
