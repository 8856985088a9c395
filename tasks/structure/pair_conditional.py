"""AUROC of pair against non-pair among pairs of the same bases, or amino acids, at a like distance.

A score that depends on nothing but the two bases, such as the raw pairing prior, gets exactly 0.5.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tasks.structure.counts import Floats
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


def wins(rnas: Sequence[Rna], scores: Sequence[Scores]) -> tuple[Floats, Floats]:
    """How often pairs of one RNA beat non-pairs of another in the same cell, and out of how many comparisons.

    Both are (RNAs, RNAs) float64, rows the RNA of the pair; a tie wins a half. The sum of the first over the sum of
    the second is the AUROC of each cell over all RNAs, averaged with weights n_pos n_neg; with weights of a bootstrap
    draw on both sides it is that of the draw. Diagonals compare within RNAs.
    """
    count = len(rnas)
    all_cells = [cells(rna.sequence, rna.kind.letters) for rna in rnas]
    owner = np.repeat(np.arange(count), [len(rna.known) for rna in rnas])
    cell = np.concatenate([own[rna.known] for rna, own in zip(rnas, all_cells, strict=True)])
    score = np.concatenate([own[rna.known] for rna, own in zip(rnas, scores, strict=True)])
    members = {int(value): np.flatnonzero(cell == value) for value in np.unique(cell)}
    beaten, compared = np.zeros((count, count)), np.zeros((count, count))
    for column, rna in enumerate(rnas):
        other = np.ones(rna.pairs, dtype=bool)
        other[rna.known] = other[rna.uncounted] = False
        negatives, where = scores[column][other], all_cells[column][other]
        order = np.lexsort((negatives, where))
        negatives, where = negatives[order], where[order]
        won, faced = np.zeros(len(score)), np.zeros(len(score))
        for value, positives in members.items():
            block = negatives[slice(*np.searchsorted(where, [value, value + 1]))]
            if len(block):
                less, not_more = (np.searchsorted(block, score[positives], side) for side in ("left", "right"))
                won[positives] = (less + not_more) / 2
                faced[positives] = len(block)
        beaten[:, column] = np.bincount(owner, won, count)
        compared[:, column] = np.bincount(owner, faced, count)
    return beaten, compared
