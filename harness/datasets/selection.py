"""Which records a task uses: what is skipped and why, an unbiased order, and halves; the same for every task."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from harness.adapter import Alphabet
from harness.datasets.records import UNKNOWN_RESIDUE, Record, Split

if TYPE_CHECKING:
    from harness.task import TaskSettings

_OVER, _UNDER, _NOT_WHOLE = "sequences over ", "sequences under ", "sequences that are not whole codons of "


def by_hash(names: Iterable[str]) -> list[str]:
    """Names in an order that has nothing to do with them."""
    return sorted(names, key=lambda name: hashlib.sha256(name.encode()).hexdigest())


def some_by_hash(records: Sequence[Record], most: int | None) -> list[Record]:
    """At most ``most`` records, taken by the hash of their ids, in the order given; None takes all."""
    chosen = set(by_hash(record.id for record in records)[:most])
    return [record for record in records if record.id in chosen]


def shares_of_limit(sizes: Mapping[Split, int], limit: int) -> dict[Split, int]:
    """How many records each split gives to a limit: as many as the others, or all that it has; test before select."""
    shares = dict.fromkeys(sizes, 0)
    order: tuple[Split, ...] = ("test", "select", "train")
    while limit and (open_to := [part for part in order if shares[part] < sizes[part]]):
        for part in open_to[:limit]:
            shares[part] += 1
            limit -= 1
    return shares


def choosing_half(sizes: Mapping[str, int]) -> set[str]:
    """The groups that choose, so that the others can be scored: of each group, in the order of the hashes of their
    names, the half that is the smaller so far; of equal ones the half that is scored.

    Args:
        sizes: name of the group -> how much it counts.
    """
    chosen: set[str] = set()
    choosing = scored = 0
    for name in by_hash(sizes):
        if choosing < scored:
            chosen.add(name)
            choosing += sizes[name]
        else:
            scored += sizes[name]
    return chosen


def usable(
    records: Iterable[Record],
    settings: TaskSettings,
    skipped: Counter[str],
    unfit: Callable[[Record], str | None] = lambda record: None,
    alphabet: Alphabet = "nucleotide",
) -> list[Record]:
    """Records in the order of their ids, without those that are left out; ``skipped`` counts these by reason.

    Args:
        unfit: a reason of the task's own, asked after those of :func:`why_left_out`.
    """
    kept = []
    for record in sorted(records, key=lambda record: record.id):
        if reason := why_left_out(record, settings, alphabet) or unfit(record):
            skipped[reason] += 1
        else:
            kept.append(record)
    return kept


def distinct(records: Sequence[Record], skipped: Counter[str], within_families: bool = True) -> list[Record]:
    """The first record of every sequence, or of every sequence of each family; ``skipped`` counts the others."""
    first: dict[tuple[str | None, str], Record] = {}
    for record in records:
        first.setdefault((record.family if within_families else None, record.sequence), record)
    kept = list(first.values())
    skipped["exact duplicates"] += len(records) - len(kept)
    return kept


def why_left_out(record: Record, settings: TaskSettings, alphabet: Alphabet = "nucleotide") -> str | None:
    """Why a record is skipped and counted: too long, mostly unknown, too short, or no whole codons; None where it is
    not.

    The settings alone decide, so that a model and its floors have the same items; see
    :meth:`harness.task.TaskSettings.narrowed_to` for what a model takes.
    """
    length = len(record.sequence)
    unknown, unit = ("N", "nt") if alphabet == "nucleotide" else (UNKNOWN_RESIDUE, "residues")
    if length > settings.longest:
        return f"{_OVER}{settings.longest} {unit}"
    if 2 * record.sequence.count(unknown) >= length:
        return f"sequences of mostly {unknown}"
    if length < settings.shortest:
        return f"{_UNDER}{settings.shortest} {unit}"
    if length % settings.length_multiple:
        return f"{_NOT_WHOLE}{settings.length_multiple} {unit}"
    return None


def left_out_for_the_model(skipped: Mapping[str, int]) -> str:
    """The counted reasons that a model may lie behind, by its lengths or its tokens, for an error; "" without any."""
    return "; ".join(
        f"{count:,} left out: {reason}"
        for reason, count in skipped.items()
        if count and (reason.startswith((_OVER, _UNDER, _NOT_WHOLE)) or "of the model" in reason)
    )
