"""The law of coordinates: which nucleotides a token covers."""

from __future__ import annotations

import re

import numpy as np

from harness.adapter import ModelCard
from harness.conformance.law import Finding, law
from harness.conformance.subject import TOLERANCE, Subject


@law("coverage", "hidden_states")
def coverage(subject: Subject) -> Finding:
    """At the embedding, changing a nucleotide affects exactly those that the card says share a token with it."""
    card, probe = subject.card, subject.probe
    if not subject.has_layers:
        return Finding(None, None, "has no layers")
    if card.resolution == "BPE":
        return _runs(subject)
    wrong = []
    for position in sorted({0, len(probe) // 2, len(probe) - 1}):
        first, second = (states[0] for states in subject.hidden(subject.variants(probe, position)[:2], [0]))
        if len(first) != len(second):
            return Finding(False, None, "one letter changes the number of rows")
        moved = set(np.flatnonzero(np.abs(first - second).max(axis=1) > TOLERANCE).tolist())
        wrong += [(position, other) for other in sorted(moved ^ covered_with(card, len(probe), position))]
    if wrong:
        return Finding(
            False, len(wrong), f"changing nucleotide {wrong[0][0]} has the wrong effect at nucleotide {wrong[0][1]}"
        )
    return Finding(True, 0, f"as declared: {card.tokenisation}, {card.resolution}")


def covered_with(card: ModelCard, length: int, position: int) -> set[int]:
    """The nucleotides that share a token with ``position``, by what the card declares."""
    declared = re.fullmatch(r"(\d+) (nt|residue)", card.resolution)
    if declared is None:
        raise ValueError(f"resolution {card.resolution!r} is neither BPE nor a number of nt such as 3 nt")
    k = int(declared[1])
    if card.tokenisation.startswith("overlapping"):
        return set(range(max(0, position - k + 1), min(length, position + k)))
    start = position // k * k
    return set(range(start, start + k)) if start + k <= length else {position}  # the rest is read letter by letter


def _runs(subject: Subject) -> Finding:
    """Byte pairs depend on the whole sequence: all that can be said is that a token's nucleotides share its vector."""
    [states] = subject.hidden(subject.sequences[:1], [0])
    rows = states[0]
    runs = 1 + int((np.abs(np.diff(rows, axis=0)).max(axis=1) > TOLERANCE).sum())
    whole = bool(np.isfinite(rows).all()) and bool(np.abs(rows).max(axis=1).min() > 0)
    figure = len(rows) / runs
    return Finding(whole and figure > 1, figure, "nucleotides per run of one vector")


LAWS = (coverage,)
