"""Controls of a map of pairs: is the signal at the partner itself, and is it of this RNA or of its letters alone?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tasks.structure.data import Rna
from tasks.structure.evaluation import average_precision, pair_counts
from tasks.structure.maps import Scores, positions
from tasks.structure.selection import Choice

Stem = list[tuple[int, int]]


def stems(pairs: Sequence[tuple[int, int]]) -> list[Stem]:
    """Runs of stacked pairs (i, j), (i + 1, j - 1), …; single pairs have no other partner to compare with."""
    known, found = set(pairs), []
    for i, j in sorted(known):
        if (i - 1, j + 1) not in known:
            stem = [(i, j)]
            while (following := (stem[-1][0] + 1, stem[-1][1] - 1)) in known:
                stem.append(following)
            if len(stem) > 1:
                found.append(stem)
    return found


def peaks(rna: Rna, scores: Scores) -> NDArray[np.float64]:
    """(length, length): each pair's score minus the mean of its four neighbours, a base before or after either partner.

    Pairs that have no score, those inside one token and the diagonal, are nan and no neighbours.
    """
    i, j = positions(rna.length)
    padded = np.full((rna.length + 2, rna.length + 2), np.nan)
    padded[i + 1, j + 1] = scores
    padded[i[rna.inside] + 1, j[rna.inside] + 1] = np.nan
    padded[j + 1, i + 1] = padded[i + 1, j + 1]
    around = np.stack([padded[:-2, 1:-1], padded[2:, 1:-1], padded[1:-1, :-2], padded[1:-1, 2:]])
    counts = (~np.isnan(around)).sum(axis=0)
    means = np.divide(np.nansum(around, axis=0), counts, out=np.full(counts.shape, np.nan), where=counts > 0)
    return np.asarray(padded[1:-1, 1:-1] - means)


def partner_wins(rna: Rna, scores: Scores, same_base: bool = False) -> tuple[float, int]:
    """How often a base's peak at its partner is higher than at another partner in its stem, and out of how many.

    These are all derangements of the stem at once: a random one gives a base each other partner equally often. A tie
    wins a half. A map that knows which segments pair, but not which bases, is at 0.5. A rule of letters is above it, as
    other partners are often no complement: with ``same_base`` only those count that are the same base.
    """
    known, peak = set(rna.known_pairs), peaks(rna, scores)
    wins, comparisons = 0.0, 0
    for stem in stems(rna.known_pairs):
        for i, j in stem:
            for _, other in stem:
                true, deranged = peak[i, j], peak[i, other]
                if other == j or (i, other) in known or np.isnan(true) or np.isnan(deranged):
                    continue
                if same_base and rna.sequence[other] != rna.sequence[j]:
                    continue
                wins += float(true > deranged) + float(true == deranged) / 2
                comparisons += 1
    return wins, comparisons


def control_table(
    rnas: Sequence[Rna],
    scores: Sequence[Scores],
    images: Sequence[Rna],
    image_scores: Sequence[Scores],
    chosen: Choice,
) -> pd.DataFrame:
    """One row per RNA: partner_wins and partner_comparisons, also ``_same_base``, against partners of the same base;
    tp, fp, fn and average_precision of its mirror image.
    """
    rows = []
    for rna, own, image, mirror in zip(rnas, scores, images, image_scores, strict=True):
        (wins, comparisons), (alike_wins, alike) = partner_wins(rna, own), partner_wins(rna, own, same_base=True)
        counts = pair_counts(image.known, chosen.predicted(mirror), image.pairs - len(image.inside))
        rows.append(
            {
                "partner_wins": wins,
                "partner_comparisons": comparisons,
                "partner_wins_same_base": alike_wins,
                "partner_comparisons_same_base": alike,
                **{f"{name}_mirror": counts[name] for name in ("tp", "fp", "fn")},
                "average_precision_mirror": average_precision(mirror, image.known),
            }
        )
    return pd.DataFrame(rows)


def likeness_table(
    rnas: Sequence[Rna], maps: Sequence[Scores], scores: Sequence[Scores], chosen: Choice
) -> pd.DataFrame:
    """One row per RNA: sums of the cosines with each fingerprint over known pairs, false positives and all pairs.

    Args:
        maps: (fingerprints, pairs) of every RNA, Watson-Crick first.
    """
    rows = []
    for rna, alike, own in zip(rnas, maps, scores, strict=True):
        false = np.setdiff1d(chosen.predicted(own), rna.known)
        apart = np.setdiff1d(np.arange(rna.pairs), rna.inside)
        row: dict[str, float] = {}
        for name, members in (("known", rna.known), ("false", false), ("all", apart)):
            pairing, repeat = alike[:, members].sum(axis=1, dtype=np.float64).tolist()
            row |= {f"watson_crick_{name}": pairing, f"repeat_{name}": repeat, f"pairs_{name}": len(members)}
        rows.append(row)
    return pd.DataFrame(rows)
