"""Do runs of activity find whole elements? Elements and runs are matched one to one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from harness.statistics.metrics import f1_of_counts
from tasks.sae.concepts.membership import Floats, Integers

HIT_SHARE = 0.3
"""An element is hit where this share of it is active, and one nucleotide at least."""

Counts = NDArray[np.float64]


def runs(marked: NDArray[np.bool_], rna: Integers) -> NDArray[np.int64]:
    """(runs, 2): first row and the row after the last of every stretch of marked rows within one RNA."""
    padded = np.concatenate([[False], marked, [False]])
    change = np.concatenate([[True], rna[1:] != rna[:-1], [True]])
    first = padded[1:] & (~padded[:-1] | change)
    after = padded[:-1] & (~padded[1:] | change)
    return np.column_stack([np.flatnonzero(first[: len(marked)]), np.flatnonzero(after)])


def element_counts(called: NDArray[np.bool_], positive: NDArray[np.bool_], rna: Integers, rnas: int) -> Counts:
    """(RNAs, 3): elements that are found, runs of activity, elements.

    An element is found where it is hit, and a run that overlaps it finds no other element: else a feature that is
    active everywhere would find them all with one run.

    Args:
        called, positive, rna: (rows,); a stretch of positive rows within an RNA is an element.
    """
    elements, active = runs(positive, rna), runs(called, rna)
    before = np.concatenate([[0], called.cumsum()])
    inside = before[elements[:, 1]] - before[elements[:, 0]]
    needed = np.maximum(1, HIT_SHARE * (elements[:, 1] - elements[:, 0]))
    hit = elements[inside >= needed]
    found = hit[_matched(hit, active)]
    counted = (rna[part[:, 0]] for part in (found, active, elements))
    return np.column_stack([np.bincount(own, minlength=rnas) for own in counted]).astype(np.float64)


def element_f1(counts: Counts) -> Floats:
    """F1 (...,) of counts (..., 3): elements that are found among all runs and all elements."""
    return f1_of_counts(counts[..., 0], counts[..., 1], counts[..., 2])


def _matched(elements: NDArray[np.int64], active: NDArray[np.int64]) -> list[int]:
    """Numbers of the elements that get a run of their own that overlaps them; as many as can.

    Both are disjoint and in order, so that the first free run is never a worse choice than a later one.
    """
    found, run = [], 0
    for number, (first, after) in enumerate(elements.tolist()):
        while run < len(active) and active[run, 1] <= first:
            run += 1
        if run < len(active) and active[run, 0] < after:
            found.append(number)
            run += 1
    return found
