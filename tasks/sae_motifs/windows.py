"""Letters around the strongest activations of a feature: from them its motif."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.sequences.motifs import LETTERS, Floats, frequencies, information
from tasks.sae.concepts.membership import Integers

FLANK = 15
MOST_WINDOWS = 500
LARGEST_SHARE = 0.25
"""Of the clusters: in a small set the 500 strongest would be nearly all sequences, whether they hold a motif or not."""
FEWEST_WINDOWS = 20
LEAST_ACTIVE = 0.5
"""Of the 20th strongest activation: with weaker ones the motif of a rare feature would drown in noise."""
LEAST_BITS = 0.25
SHORTEST = 4

Codes = NDArray[np.int8]
_UNKNOWN = len(LETTERS)


def coded(sequences: list[str]) -> tuple[Codes, Integers]:
    """All letters as 0 to 3, other ones as 4, with a gap of 4s after every sequence; and where each starts.

    The gap is as long as a window, so that none reaches the next sequence.
    """
    gap = "N" * (2 * FLANK + 1)
    text = gap + gap.join(sequences) + gap
    table = str.maketrans(LETTERS + "N", "".join(map(chr, range(_UNKNOWN + 1))))
    codes = np.frombuffer(text.translate(table).encode("ascii"), dtype=np.int8)
    lengths = np.array([len(sequence) + len(gap) for sequence in sequences])
    return codes, len(gap) + np.concatenate([[0], lengths.cumsum()[:-1]])


@dataclass(frozen=True)
class FeatureMotif:
    """The trimmed motif of a feature.

    ``counts`` (columns, 4); ``first`` is where its first column lies relative to the activation; ``windows`` are the
    sequences behind it.
    """

    counts: Floats
    first: int
    windows: int

    @property
    def frequencies(self) -> Floats:
        return frequencies(self.counts)


def window_counts(codes: Codes, centres: Integers) -> Floats:
    """(2 FLANK + 1, 4) letters of the windows around some places of :func:`coded` letters."""
    windows = codes[centres[:, None] + np.arange(-FLANK, FLANK + 1)]
    return np.stack([(windows == letter).sum(axis=0) for letter in range(len(LETTERS))], axis=1).astype(np.float64)


def trimmed(counts: Floats, windows: int) -> FeatureMotif | None:
    """Without the columns under 0.25 bit on either side; None where fewer than 4 are left."""
    bits = information(frequencies(counts))
    kept = np.flatnonzero((bits >= LEAST_BITS) & (counts.sum(axis=1) >= FEWEST_WINDOWS / 2))
    if not len(kept) or kept[-1] - kept[0] + 1 < SHORTEST:
        return None
    return FeatureMotif(counts[kept[0] : kept[-1] + 1], int(kept[0]) - FLANK, windows)


def strongest(maxima: NDArray[np.floating], representatives: Integers) -> Integers:
    """Rows of the sequences whose windows count, for one feature, one per cluster: those with the strongest activation,
    of at least half of the 20th strongest. None where fewer than 20 are active.

    Equal ones are taken in a fixed random order, which has nothing to do with their names.

    Args:
        maxima: (sequences,) largest activation.
        representatives: (sequences,) number of the cluster of each.
    """
    order = np.random.default_rng(0).permutation(len(maxima))
    order = order[np.argsort(-maxima[order], kind="stable")]
    order = order[maxima[order] > 0]
    _, first = np.unique(representatives[order], return_index=True)
    order = order[np.sort(first)]
    if len(order) < FEWEST_WINDOWS:
        return order[:0]
    strong = maxima[order] >= LEAST_ACTIVE * maxima[order[FEWEST_WINDOWS - 1]]
    most = min(MOST_WINDOWS, int(LARGEST_SHARE * len(np.unique(representatives))))
    return order[strong][:most]


def feature_motifs(
    maxima: NDArray[np.float32], places: NDArray[np.int16], codes: Codes, starts: Integers, clusters: Integers
) -> list[FeatureMotif | None]:
    """The motif of every feature; None where it has none, or is active in fewer than 20 clusters.

    Args:
        maxima, places: (sequences, features) largest activation of a sequence and its position.
        codes, starts: as :func:`coded` gives them.
        clusters: (sequences,) number of the cluster of each.
    """
    found: list[FeatureMotif | None] = []
    for feature in range(maxima.shape[1]):
        rows = strongest(maxima[:, feature], clusters)
        if len(rows) < FEWEST_WINDOWS:
            found.append(None)
            continue
        found.append(trimmed(window_counts(codes, starts[rows] + places[rows, feature]), len(rows)))
    return found
