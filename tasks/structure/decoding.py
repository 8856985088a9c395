"""One partner per nucleotide: the canonical pairs of greatest total score."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from harness.statistics.metrics import f1_of_counts
from tasks.structure.counts import THRESHOLDS, at_least
from tasks.structure.data import Rna
from tasks.structure.maps import Indices, Scores, positions

MINIMUM_LOOP = 3
PAIRS_PER_NUCLEOTIDE = 2.0 ** np.arange(-4, 3.5, 0.5)
"""Thresholds are tried where so many canonical pairs per nucleotide reach them: every one costs a matching per RNA."""

_CANONICAL = (("A", "U"), ("C", "G"), ("G", "U"))


def is_canonical(sequence: str) -> NDArray[np.bool_]:
    """Whether each pair i < j of a sequence is AU, GC or GU."""
    i, j = positions(len(sequence))
    letters = np.frombuffer(sequence.encode(), dtype=np.uint8)
    allowed = np.zeros((256, 256), dtype=bool)
    for first, second in _CANONICAL:
        allowed[ord(first), ord(second)] = allowed[ord(second), ord(first)] = True
    return np.asarray(allowed[letters[i], letters[j]])


def candidates(sequence: str) -> Indices:
    """Indices of the canonical pairs that close a loop of at least 3 nt."""
    i, j = positions(len(sequence))
    return np.flatnonzero(is_canonical(sequence) & (j - i > MINIMUM_LOOP))


def match(scores: Scores, sequence: str, threshold: float) -> Indices:
    """Maximum-weight matching among the candidates with score ≥ threshold; pairs without weight are left out.

    Canonical pairs join a purine and a pyrimidine, so the graph is bipartite and the assignment problem is exact.

    Args:
        scores: (pairs,).

    Returns:
        indices of the chosen pairs, ascending.
    """
    possible = candidates(sequence)
    weights = scores[possible]
    edges = possible[(weights >= np.float32(threshold)) & (weights > 0)]
    if not len(edges):
        return edges
    i, j = (position[edges] for position in positions(len(sequence)))
    opens_with_purine = np.isin(np.frombuffer(sequence.encode(), dtype=np.uint8)[i], [ord("A"), ord("G")])
    purines, row = np.unique(np.where(opens_with_purine, i, j), return_inverse=True)
    pyrimidines, column = np.unique(np.where(opens_with_purine, j, i), return_inverse=True)
    weight = np.zeros((len(purines), len(pyrimidines)))
    weight[row, column] = scores[edges]
    edge_at = np.full(weight.shape, -1)
    edge_at[row, column] = edges
    chosen = edge_at[linear_sum_assignment(weight, maximize=True)]
    return np.sort(chosen[chosen >= 0])


def choose_threshold(rnas: Sequence[Rna], scores: Sequence[Scores]) -> float:
    """The threshold of the grid whose matchings have the best F1 pooled over validation RNAs; the lowest if several."""
    reached = np.zeros(len(THRESHOLDS), dtype=np.int64)
    for rna, own in zip(rnas, scores, strict=True):
        reached += at_least(own[None, candidates(rna.sequence)])[0]
    wanted = PAIRS_PER_NUCLEOTIDE * sum(rna.length for rna in rnas)
    tried = np.unique([int(np.abs(reached - number).argmin()) for number in wanted])
    known = sum(len(rna.known) for rna in rnas)
    best, chosen = -1.0, 0.0
    for threshold in THRESHOLDS[tried].tolist():
        matched = [match(own, rna.sequence, threshold) for rna, own in zip(rnas, scores, strict=True)]
        hits = sum(len(np.intersect1d(rna.known, pairs)) for rna, pairs in zip(rnas, matched, strict=True))
        value = float(f1_of_counts(np.array(hits), np.array(sum(map(len, matched))), known))
        if value > best:
            best, chosen = value, threshold
    return chosen
