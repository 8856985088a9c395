"""What mutations do to the wild type's base pairs, and whether a score sees it where letters alone do not tell."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from harness.datasets.loop_types import CANONICAL
from tasks.fitness.data import Assay, Floats

DISRUPTED, COMPENSATED, LOOP, OTHER = "stem disrupted", "stem compensated", "loop changed", "other"
KINDS = (DISRUPTED, COMPENSATED, LOOP, OTHER)


def kinds(assay: Assay) -> list[str | None]:
    """The kind of every variant; None where base pairs of the wild type are not known.

    Of the canonical pairs of the wild type with a mutated end: one that is no longer canonical makes the stem
    disrupted; otherwise one with both ends replaced makes it compensated. Without any such pair, the loop is changed.
    What is left keeps its pairs by a wobble.
    """
    return [_kind(assay, row) for row in range(len(assay.records))]


def _kind(assay: Assay, row: int) -> str | None:
    if assay.pairs is None:
        return None
    before, after = assay.wild_type, assay.sequences[row]
    mutated = {own.position for own in assay.mutations[row]}
    touched = [(i, j) for i, j in assay.pairs if {i, j} & mutated and before[i] + before[j] in CANONICAL]
    if not touched:
        return LOOP
    if any(after[i] + after[j] not in CANONICAL for i, j in touched):
        return DISRUPTED
    return COMPENSATED if any({i, j} <= mutated for i, j in touched) else OTHER


Comparison = tuple[NDArray[np.int64], NDArray[np.int64]]
"""Rows of compensated variants, and of disrupted ones with the same substitutions."""


def comparisons(assay: Assay) -> list[Comparison]:
    """The variants that make the same substitutions, where some compensate each other and others break pairs.

    A-U replaced by U-A is compared with A to U in one pair and U to A in another: the letters replaced are the same, so
    a score that reads nothing else ties.
    """
    groups: defaultdict[tuple[str, ...], dict[str, list[int]]] = defaultdict(lambda: {COMPENSATED: [], DISRUPTED: []})
    for row, kind in enumerate(kinds(assay)):
        if kind in (COMPENSATED, DISRUPTED):
            groups[tuple(sorted(own.before + own.after for own in assay.mutations[row]))][kind].append(row)
    both = ((np.array(own[COMPENSATED], np.int64), np.array(own[DISRUPTED], np.int64)) for own in groups.values())
    return [(first, second) for first, second in both if len(first) and len(second)]


def pairing_auroc(compared: Sequence[Comparison], scores: Floats) -> float:
    """The share of comparisons that compensated variants win, ties counting half; 0.5 is chance, NaN without any."""
    won, total = 0.0, 0
    for first, second in compared:
        difference = scores[first][:, None] - scores[second]
        won += float((difference > 0).sum() + 0.5 * (difference == 0).sum())
        total += difference.size
    return won / total if total else float("nan")
