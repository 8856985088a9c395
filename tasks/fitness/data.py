"""The assays of a dataset, with the variants that can be scored."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from harness.adapter import ModelAdapter
from harness.datasets.records import Dataset, Record
from harness.datasets.selection import left_out_for_the_model, some_by_hash, usable
from harness.datasets.variants.mutations import Mutation, between
from harness.errors import NotApplicable
from tasks.fitness.settings import FitnessSettings

Floats = NDArray[np.float64]

FEWEST_VARIANTS = 10
"""A rank correlation of fewer says nothing."""


@dataclass(frozen=True)
class Assay:
    """The variants of one wild type, which is none of them. ``pairs`` are base pairs of the wild type, where known."""

    name: str
    wild_type: str
    records: tuple[Record, ...]
    mutations: tuple[tuple[Mutation, ...], ...]

    @cached_property
    def sequences(self) -> tuple[str, ...]:
        return tuple(record.sequence for record in self.records)

    @cached_property
    def measured(self) -> Floats:
        """(variants,) fitness."""
        return np.array([record.variant.score for record in self.records if record.variant], np.float64)

    @cached_property
    def counts(self) -> NDArray[np.int64]:
        """(variants,) number of mutations."""
        return np.array([len(own) for own in self.mutations], np.int64)

    @property
    def pairs(self) -> tuple[tuple[int, int], ...] | None:
        return self.records[0].pairs


@dataclass(frozen=True)
class Scans:
    """The assays of a cell, by name, and what was left out."""

    assays: tuple[Assay, ...]
    skipped: dict[str, int]

    @property
    def records(self) -> list[Record]:
        return [record for assay in self.assays for record in assay.records]


def prepare(dataset: Dataset, model: ModelAdapter, settings: FitnessSettings) -> Scans:
    """Leave out what cannot be scored; take ``limit`` variants of every assay by hash.

    Raises:
        NotApplicable: nothing was measured, no assay is left, or the model reads several nucleotides as one.
    """
    if not any(record.variant for record in dataset.records):
        raise NotApplicable(
            f"dataset {dataset.card.name} has no measured variants: choose mutational scans (docs/fitness.md), such as "
            "--dataset hairpin-scans"
        )
    skipped: Counter[str] = Counter()
    members: defaultdict[str, list[Record]] = defaultdict(list)
    for record in usable(dataset.records, settings, skipped, unfit):
        members[record.family or ""].append(record)
    assays = []
    for name, own in sorted(members.items()):
        chosen = some_by_hash(own, settings.limit)
        skipped["variants beyond --limit of their assay"] += len(own) - len(chosen)
        assay = _assay(name, chosen)
        if len(chosen) < FEWEST_VARIANTS:
            skipped[f"variants of assays with fewer than {FEWEST_VARIANTS}"] += len(chosen)
        elif len(set(assay.measured.tolist())) == 1:
            skipped["variants of assays in which all have the same score"] += len(chosen)
        else:
            assays.append(assay)
    if not assays:
        refused = left_out_for_the_model(skipped)
        raise NotApplicable(
            f"dataset {dataset.card.name} has no assay of {FEWEST_VARIANTS} variants with different scores"
            + (f" ({refused})" if refused else "")
        )
    _check_tokens(model, [assay.wild_type for assay in assays])
    return Scans(tuple(assays), {reason: count for reason, count in skipped.items() if count})


def unfit(record: Record) -> str | None:
    """Why a record that any model could read is left out."""
    if record.variant is None:
        return "sequences without a measured fitness"
    wild_type = record.variant.wild_type
    if len(wild_type) != len(record.sequence):
        return "variants with insertions or deletions"
    if wild_type == record.sequence:
        return "wild types"
    if any("N" in (own.before, own.after) for own in between(wild_type, record.sequence)):
        return "variants with an unknown letter among their mutations"
    return None


def _assay(name: str, records: Sequence[Record]) -> Assay:
    [wild_type] = {record.variant.wild_type for record in records if record.variant}
    mutations = tuple(between(wild_type, record.sequence) for record in records)
    return Assay(name, wild_type, tuple(records), mutations)


def _check_tokens(model: ModelAdapter, wild_types: Sequence[str]) -> None:
    """Probabilities of a substitution given the rest of the sequence need a token, or a set of tokens, of its own."""
    for sequence in wild_types:
        if len(set(model.token_of(sequence).tolist())) < len(sequence):
            raise NotApplicable(
                f"{model.card.name} reads several nucleotides as one token ({model.card.tokenisation}): the likelihood "
                "of one substitution given all other nucleotides is not defined for it"
            )
