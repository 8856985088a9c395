"""AUROC of pair against non-pair within an RNA, among pairs of the same bases, or amino acids, at a like distance.

A score that depends on nothing but the two bases, such as the raw pairing prior, gets exactly 0.5.
"""

from __future__ import annotations

import numpy as np

from tasks.structure.data import Rna
from tasks.structure.kinds import BASE_PAIRS
from tasks.structure.maps import Indices, Scores, positions

DISTANCES = (4, 8, 16, 24)
"""Where bins of |i − j| begin after the first: 1–3, 4–7, 8–15, 16–23, 24 and more."""


def cells(sequence: str, alphabet: str = BASE_PAIRS.letters) -> Indices:
    """The cell of each pair i < j: its two letters, whatever their order, and its distance bin."""
    i, j = positions(len(sequence))
    code = np.array([alphabet.index(letter) for letter in sequence], dtype=np.int64)
    low, high = np.minimum(code[i], code[j]), np.maximum(code[i], code[j])
    return (low * len(alphabet) + high) * (len(DISTANCES) + 1) + np.searchsorted(DISTANCES, j - i, side="right")


def wins(rna: Rna, scores: Scores) -> tuple[float, int]:
    """Over the pairs of an RNA that have non-pairs in their cell: the sum of the shares of these that a pair beats, and
    how many pairs there are. A tie is half a win.

    The first over the second, over all RNAs, is the mean AUROC of a pair against like non-pairs. They are those of its
    own RNA, because the scale of a map depends on the RNA, its length above all: among the non-pairs of all RNAs, maps
    of networks with random weights reach 0.69, and 0.5 here.
    """
    own = cells(rna.sequence, rna.kind.letters)
    other = np.ones(rna.pairs, dtype=bool)
    other[rna.known] = other[rna.uncounted] = False
    negatives, where = scores[other], own[other]
    order = np.lexsort((negatives, where))
    negatives, where = negatives[order], where[order]
    won, pairs = 0.0, 0
    for cell in np.unique(own[rna.known]):
        block = negatives[slice(*np.searchsorted(where, [cell, cell + 1]))]
        positives = scores[rna.known[own[rna.known] == cell]]
        if len(block):
            less, not_more = (np.searchsorted(block, positives, side) for side in ("left", "right"))
            won += float((less + not_more).sum()) / (2 * len(block))
            pairs += len(positives)
    return won, pairs
