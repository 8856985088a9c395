"""Which sequences overlap-ratio compares, and the halves that keep choices apart from scores."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.datasets.records import Dataset, Record
from harness.datasets.selection import by_hash, choosing_half, distinct, left_out_for_the_model, usable
from harness.errors import NotApplicable
from tasks.overlap_ratio.settings import OverlapRatioSettings

Integers = NDArray[np.int64]
Booleans = NDArray[np.bool_]

SMALLEST_FAMILY = 3
_LONGEST_KMER = re.compile("[ACGU]{6}")


@dataclass(frozen=True)
class ComparedFamilies:
    """The sequences of a cell, family by family.

    ``family`` (records,) and ``sequence`` (records,) number the family and the distinct sequence of every record;
    ``clan`` (families,) numbers the clan of every family, one of its own where none is known. ``validation``
    (families,) marks the half of the families on which layers are chosen and centres estimated.
    """

    records: tuple[Record, ...]
    families: tuple[str, ...]
    family: Integers
    sequence: Integers
    clan: Integers
    validation: Booleans
    skipped: dict[str, int]

    @property
    def sizes(self) -> Integers:
        """Members of every family, (families,)."""
        return np.bincount(self.family, minlength=len(self.families))

    @property
    def starts(self) -> Integers:
        """The first record of every family, (families,): the others follow it."""
        return np.concatenate([[0], np.cumsum(self.sizes)[:-1]])


def prepare(dataset: Dataset, settings: OverlapRatioSettings) -> ComparedFamilies:
    """Leave out what cannot be compared, take ``limit`` families and ``per_family`` members of each, by hash.

    The review's sampling keeps identical sequences, families of one or two members and, on ArchiveII, whole families.

    Raises:
        NotApplicable: no two unrelated families of three distinct sequences of the lengths asked for are left.
    """
    literal = settings.pairs != "families"
    per_family = None if settings.pairs == "review" else settings.per_family
    skipped: Counter[str] = Counter()
    members: defaultdict[str, list[Record]] = defaultdict(list)
    records = usable(dataset.records, settings, skipped, unfit)
    for record in records if literal else distinct(records, skipped):
        members[record.family or ""].append(record)
    if not literal:
        for family in [family for family, own in members.items() if len(own) < SMALLEST_FAMILY]:
            skipped["sequences of families with one or two members"] += len(members.pop(family))
    families = tuple(sorted(by_hash(members)[: settings.limit]))
    skipped["sequences outside the families of --limit"] = sum(
        len(own) for name, own in members.items() if name not in families
    )
    chosen: list[Record] = []
    for family in families:
        own = {record.id: record for record in members[family]}
        names = sorted(by_hash(own)[:per_family])
        skipped[f"sequences beyond {per_family} of their family"] += len(own) - len(names)
        chosen += [own[name] for name in names]
    clan_of = {record.family: record.clan or f"family {record.family}" for record in chosen}
    clans = [clan_of[family] for family in families]
    if len(set(clans)) < 2 or max(Counter(record.family for record in chosen).values()) < SMALLEST_FAMILY:
        missing = (
            f"dataset {dataset.card.name} has no two unrelated families of {SMALLEST_FAMILY} distinct sequences of the "
            "accepted lengths"
        )
        if refused := left_out_for_the_model(skipped):
            raise NotApplicable(f"{missing} ({refused}): choose a larger one")
        raise NotApplicable(f"{missing}: choose a dataset with families, or raise --limit")
    validation = choosing_half(Counter(clans))
    numbers = {family: number for number, family in enumerate(families)}
    return ComparedFamilies(
        records=tuple(chosen),
        families=families,
        family=np.array([numbers[record.family or ""] for record in chosen], dtype=np.int64),
        sequence=np.unique([record.sequence for record in chosen], return_inverse=True)[1].astype(np.int64),
        clan=np.unique(clans, return_inverse=True)[1].astype(np.int64),
        validation=np.array([clan in validation for clan in clans]),
        skipped={reason: count for reason, count in skipped.items() if count},
    )


def unfit(record: Record) -> str | None:
    """Why a record that any model could read is left out: pairs need a family, and the k-mer counts beside every model
    need one k-mer of the longest kind."""
    if record.family is None:
        return "sequences without a family"
    return None if _LONGEST_KMER.search(record.sequence) else "sequences without six known nucleotides in a row"
