"""Which records a task skips, and why; the same for every task."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from harness.datasets.records import Record

if TYPE_CHECKING:
    from harness.task import TaskSettings

_OVER, _UNDER, _NOT_WHOLE = "sequences over ", "sequences under ", "sequences that are not whole codons of "


def by_hash(names: Iterable[str]) -> list[str]:
    """Names in an order that has nothing to do with them."""
    return sorted(names, key=lambda name: hashlib.sha256(name.encode()).hexdigest())


def why_left_out(record: Record, settings: TaskSettings) -> str | None:
    """Why a record is skipped and counted: too long, mostly N, too short, or no whole codons; None where it is not.

    The settings alone decide, so that a model and its floors have the same items; see
    :meth:`harness.task.TaskSettings.narrowed_to` for what a model takes.
    """
    length = len(record.sequence)
    if length > settings.longest:
        return f"{_OVER}{settings.longest} nt"
    if 2 * record.sequence.count("N") >= length:
        return "sequences of mostly N"
    if length < settings.shortest:
        return f"{_UNDER}{settings.shortest} nt"
    if length % settings.length_multiple:
        return f"{_NOT_WHOLE}{settings.length_multiple} nt"
    return None


def left_out_for_the_model(skipped: Mapping[str, int]) -> str:
    """The counted reasons that a model may lie behind, by its lengths or its tokens, for an error; "" without any."""
    return "; ".join(
        f"{count:,} left out: {reason}"
        for reason, count in skipped.items()
        if count and (reason.startswith((_OVER, _UNDER, _NOT_WHOLE)) or "of the model" in reason)
    )
