"""Where a motif lies in sequences: the best site of each, by log-odds over even letters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.sequences.motifs import Motif, frequencies
from tasks.sae.concepts.membership import Floats, Integers
from tasks.sae_motifs.windows import Codes, coded

RATE = 1e-4
"""Of the places of shuffled sequences that score as high as a site."""
_PSEUDOCOUNT = 0.01  # of every column
_NEVER = np.float32(-1e6)


@dataclass(frozen=True)
class Letters:
    """Some sequences as numbers, for scanning."""

    codes: Codes
    starts: Integers
    lengths: Integers

    @classmethod
    def of(cls, sequences: list[str]) -> Letters:
        codes, starts = coded(sequences)
        return cls(codes, starts, np.array([len(sequence) for sequence in sequences]))


def log_odds(motif: Motif) -> NDArray[np.float32]:
    """(width, 5) log2 of frequency over 1/4; an unknown letter has no place in a site."""
    shares = frequencies(motif.frequencies + _PSEUDOCOUNT)
    known = np.log2(shares / 0.25).astype(np.float32)
    return np.column_stack([known, np.full(motif.width, _NEVER)])


def scan(motif: Motif, letters: Letters) -> NDArray[np.float32]:
    """(letters,) score of a site that starts at every letter, gaps between sequences included. O(letters x width)."""
    table = log_odds(motif)
    padded = np.append(letters.codes, np.full(motif.width - 1, 4, dtype=np.int8))
    scores = np.zeros(len(letters.codes), dtype=np.float32)
    for column in range(motif.width):
        scores += table[column][padded[column : column + len(scores)]]
    return scores


def best_sites(motif: Motif, letters: Letters) -> tuple[NDArray[np.float32], Integers]:
    """Of every sequence the best score and where that site starts, counted from 0; the first of equals."""
    scores = scan(motif, letters)
    longest = int(letters.lengths.max())
    rows = letters.starts[:, None] + np.arange(longest)
    inside = np.arange(longest) < letters.lengths[:, None]
    own = np.where(inside, scores[np.minimum(rows, len(scores) - 1)], _NEVER)
    place = own.argmax(axis=1)
    return own[np.arange(len(own)), place], place


def threshold(motif: Motif, shuffled: Letters) -> float:
    """The score that one place in 10,000 of shuffled sequences reaches; above 0 in any case.

    An unreachable score where no sequence is as long as the motif.
    """
    scores = scan(motif, shuffled)
    possible = scores[scores > _NEVER / 2]
    if not len(possible):
        return float("inf")
    return max(float(np.quantile(possible, 1 - RATE, method="higher")), float(np.finfo(np.float32).tiny))


def peak_scores(motifs: tuple[Motif, ...], letters: Letters, both_strands: bool) -> Floats:
    """(sequences, motifs) best score of any site, on either strand where a site may lie on both."""
    found = []
    for motif in motifs:
        oriented = (motif, motif.reverse_complement) if both_strands else (motif,)
        found.append(np.max([best_sites(own, letters)[0] for own in oriented], axis=0))
    return np.column_stack(found).astype(np.float64)


class Sites:
    """Sites of library motifs in the sequences of a split, one per cluster at most: the best, where it reaches the
    threshold that shuffled select sequences set, and where the shuffled sequence has no site of its own."""

    def __init__(
        self, select_shuffled: list[str], sequences: list[str], shuffled: list[str], clusters: Integers
    ) -> None:
        self._select_shuffled = Letters.of(select_shuffled)
        self._sequences, self._shuffled = Letters.of(sequences), Letters.of(shuffled)
        self._clusters = clusters
        self._found: dict[tuple[int, int, int], Integers] = {}

    def starts(self, library: int, motif: int, strand: int, matrix: Motif) -> Integers:
        """(sequences,) left end of the site on that strand, -1 where there is none.

        Args:
            library, motif, strand: name the matrix, so that it is looked for once.
            matrix: of the forward strand.
        """
        key = library, motif, strand
        if key not in self._found:
            self._found[key] = self._look(matrix if strand > 0 else matrix.reverse_complement)
        return self._found[key]

    def _look(self, oriented: Motif) -> Integers:
        least = threshold(oriented, self._select_shuffled)
        scores, starts = best_sites(oriented, self._sequences)
        shuffled, _ = best_sites(oriented, self._shuffled)
        usable = (scores >= least) & (shuffled < least)
        order = np.flatnonzero(usable)[np.argsort(-scores[usable], kind="stable")]
        _, first = np.unique(self._clusters[order], return_index=True)
        kept = order[first]
        found = np.full(len(starts), -1)
        found[kept] = starts[kept]
        return found
