"""Which sequences overlap-ratio compares, and the halves that keep choices apart from scores."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.datasets.records import Dataset, Record
from harness.datasets.selection import left_out_for_the_model, why_left_out
from harness.errors import NotApplicable
from tasks.overlap_ratio.settings import OverlapRatioSettings

Integers = NDArray[np.int64]
Booleans = NDArray[np.bool_]

SMALLEST_FAMILY = 3


@dataclass(frozen=True)
class FamilyData:
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


def prepare(dataset: Dataset, settings: OverlapRatioSettings) -> FamilyData:
    """Leave out what cannot be compared, take ``limit`` families and ``per_family`` members of each, by hash.

    The review's sampling keeps identical sequences, whole families and those of one or two members.

    Raises:
        NotApplicable: no two unrelated families of three distinct sequences of the lengths asked for are left.
    """
    literal = settings.pairs == "review"
    skipped: Counter[str] = Counter()
    members: defaultdict[str, list[Record]] = defaultdict(list)
    for record in usable(dataset.records, settings, not literal, skipped):
        members[record.family or ""].append(record)
    if not literal:
        for family in [family for family, own in members.items() if len(own) < SMALLEST_FAMILY]:
            skipped["sequences of families with one or two members"] += len(members.pop(family))
    families = tuple(sorted(by_hash(members)[: settings.limit]))
    skipped["sequences outside the families of --limit"] = sum(
        len(own) for name, own in members.items() if name not in families
    )
    records: list[Record] = []
    for family in families:
        own = {record.id: record for record in members[family]}
        chosen = sorted(by_hash(own)[: None if literal else settings.per_family])
        skipped[f"sequences beyond {settings.per_family} of their family"] += len(own) - len(chosen)
        records += [own[name] for name in chosen]
    clan_of = {record.family: record.clan or f"family {record.family}" for record in records}
    clans = [clan_of[family] for family in families]
    if len(set(clans)) < 2 or max(Counter(record.family for record in records).values()) < SMALLEST_FAMILY:
        missing = (
            f"dataset {dataset.card.name} has no two unrelated families of {SMALLEST_FAMILY} distinct sequences of the "
            "accepted lengths"
        )
        if refused := left_out_for_the_model(skipped):
            raise NotApplicable(f"{missing} ({refused}): choose a larger one")
        raise NotApplicable(f"{missing}: choose a dataset with families, or raise --limit")
    numbers = {family: number for number, family in enumerate(families)}
    return FamilyData(
        records=tuple(records),
        families=families,
        family=np.array([numbers[record.family or ""] for record in records], dtype=np.int64),
        sequence=np.unique([record.sequence for record in records], return_inverse=True)[1].astype(np.int64),
        clan=np.unique(clans, return_inverse=True)[1].astype(np.int64),
        validation=_validation_half(clans),
        skipped={reason: count for reason, count in skipped.items() if count},
    )


def usable(
    records: Sequence[Record], settings: OverlapRatioSettings, distinct: bool, skipped: Counter[str]
) -> list[Record]:
    """Records of families in the order of their ids; where ``distinct``, no sequence twice in a family."""
    kept: list[Record] = []
    seen: set[tuple[str, str]] = set()
    for record in sorted(records, key=lambda record: record.id):
        if record.family is None:
            skipped["sequences without a family"] += 1
        elif reason := why_left_out(record, settings):
            skipped[reason] += 1
        elif distinct and (record.family, record.sequence) in seen:
            skipped["exact duplicates"] += 1
        else:
            seen.add((record.family, record.sequence))
            kept.append(record)
    return kept


def by_hash(names: Iterable[str]) -> list[str]:
    """Names in an order that has nothing to do with them."""
    return sorted(names, key=lambda name: hashlib.sha256(name.encode()).hexdigest())


def _validation_half(clans: Sequence[str]) -> Booleans:
    """Clan by clan, in the order of their hashes, to the half that has fewer families so far; the test half first."""
    size = Counter(clans)
    half: dict[str, bool] = {}
    count = {True: 0, False: 0}
    for clan in by_hash(size):
        half[clan] = count[True] < count[False]
        count[half[clan]] += size[clan]
    return np.array([half[clan] for clan in clans])
