"""Which records no table can hold a model to, said the same way by every task."""

from __future__ import annotations

from collections.abc import Mapping

from harness.adapter import ModelCard
from harness.datasets.records import Record


def why_left_out(record: Record, longest: int, card: ModelCard) -> str | None:
    """Why a record is skipped and counted: too long for the table, mostly N, or not what the model takes; else None."""
    length = len(record.sequence)
    if length > longest:
        return f"sequences over {longest} nt"
    if 2 * record.sequence.count("N") >= length:
        return "sequences of mostly N"
    if rule := card.broken_length_rule(length):
        return f"the model takes {rule}"
    return None


def left_out_by_model(skipped: Mapping[str, int]) -> str:
    """The counted reasons that lie with the model and not with the data, for an error; empty where there is none."""
    return "; ".join(f"{count:,} left out: {reason}" for reason, count in skipped.items() if "the model" in reason)
