"""Choosing one head and threshold on validation RNAs, and how firmly they choose it."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.statistics.metrics import f1_of_counts
from tasks.structure.counts import THRESHOLDS, Floats, count
from tasks.structure.data import Rna
from tasks.structure.maps import Indices, Scores

SHORTLIST = 32
"""Heads among which the bootstrap chooses again: the best on all validation RNAs."""
GROUPS = 128
"""Validation families or RNAs beyond this number are drawn in groups: the same spread, at bounded memory."""


@dataclass(frozen=True)
class Choice:
    """One head of one layer and one of the 1,001 thresholds."""

    layer: int
    head: int
    step: int

    @property
    def threshold(self) -> float:
        return self.step / 1000

    def predicted(self, scores: Scores) -> Indices:
        """Indices of the pairs whose score, in float32, reaches the threshold."""
        return np.flatnonzero(scores >= THRESHOLDS[self.step])


def best(heads: Sequence[tuple[int, int]], values: Floats) -> Choice:
    """The best of (heads, 1001) values; among equals the lowest layer, then head, then threshold."""
    row, step = divmod(int(values.argmax()), values.shape[1])
    layer, head = heads[row]
    return Choice(layer, head, step)


def shortlist(heads: Sequence[tuple[int, int]], values: Floats) -> list[tuple[int, int]]:
    """The heads of the best values at thresholds of their own, in the order of layers and heads."""
    order = np.argsort(-values.max(axis=1), kind="stable")[:SHORTLIST]
    return [heads[row] for row in np.sort(order)]


def groups(rnas: Sequence[Rna]) -> Indices:
    """A group number per RNA: its family, or unit of resampling, merged at random where there are too many."""
    units = [rna.unit for rna in rnas]
    if len(set(units)) > GROUPS:
        units = [str(zlib.crc32(unit.encode()) % GROUPS) for unit in units]
    return np.unique(units, return_inverse=True)[1]


class GroupCounts:
    """Counts of the shortlisted heads at all thresholds, by group of validation RNAs."""

    def __init__(self, heads: Sequence[tuple[int, int]], rnas: Sequence[Rna]) -> None:
        self.heads = list(heads)
        self.rows = {layer: [r for r, (own, _) in enumerate(heads) if own == layer] for layer, _ in heads}
        self.group = groups(rnas)
        size = int(self.group.max()) + 1
        self.true_positives = np.zeros((len(heads), size, len(THRESHOLDS)), dtype=np.int64)
        self.predicted = np.zeros_like(self.true_positives)
        self.known = np.bincount(self.group, [len(rna.known) for rna in rnas], size)

    def add(self, index: int, layer: int, scores: Scores, known: Indices) -> None:
        """Count one RNA under one layer: scores (heads, pairs) and the indices of its known pairs."""
        if rows := self.rows.get(layer):
            counts = count(scores[[self.heads[row][1] for row in rows]], known)
            self.true_positives[rows, self.group[index]] += counts[0]
            self.predicted[rows, self.group[index]] += counts[1]

    def choices(self, weights: Floats) -> list[Choice]:
        """What each draw of weights (draws, groups) would have chosen."""
        known = (weights @ self.known)[:, None]
        value, row, step = (np.full(len(weights), start) for start in (-1.0, 0, 0))
        for head in range(len(self.heads)):
            values = f1_of_counts(weights @ self.true_positives[head], weights @ self.predicted[head], known)
            steps = values.argmax(axis=1)
            reached = values[np.arange(len(values)), steps]
            better = reached > value
            value[better], row[better], step[better] = reached[better], head, steps[better]
        return [Choice(*self.heads[int(r)], int(s)) for r, s in zip(row, step, strict=True)]
