"""AUROC within strata, with bootstrap draws over groups of items that cost no second pass over the items."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tasks.sae.concepts.membership import Floats, Integers
from tasks.sae.concepts.ranks import levels, numbered


@dataclass(frozen=True)
class PairSums:
    """Pairs of a positive and a negative of one stratum, and those that the positive wins (a tie is a half).

    ``wins`` and ``pairs`` (groups,) count every pair twice: for the group of its positive and for that of its negative.
    """

    wins: Floats
    pairs: Floats

    @property
    def auroc(self) -> float:
        """Σ w AUROC within the strata, with w the number of pairs of a stratum; nan without pairs."""
        pairs = self.pairs.sum()
        return float(self.wins.sum() / pairs) if pairs else float("nan")

    def draws(self, weights: Floats) -> Floats:
        """AUROC (draws,) under bootstrap weights (draws, groups).

        To first order in the weights: sums over pairs are quadratic in them, and their derivative at the data is what
        is stored here. The mean over groups of the spread that is left out is of order 1 / groups.
        """
        wins, pairs = (weights @ sums - sums.sum() / 2 for sums in (self.wins, self.pairs))
        usable = pairs > 0
        value = np.divide(wins, pairs, out=np.full(len(pairs), np.nan), where=usable)
        return np.asarray(np.clip(value, 0, 1))


def pair_sums(
    scores: ArrayLike, positive: NDArray[np.bool_], stratum: ArrayLike, group: Integers, groups: int
) -> PairSums:
    """Compare every positive with every negative of its own stratum: O(n log n).

    Items of one stratum with equal scores make a cell: sums over cells are few where most scores are 0.

    Args:
        scores, positive, stratum, group: (items,); ``stratum`` holds whole numbers from 0 on.
        groups: how many there are; ``group`` holds their numbers.
    """
    level = levels(scores)
    key = np.asarray(stratum, dtype=np.int64) * (level.max(initial=0) + 1) + level
    cell, keys = numbered(key)
    up = np.bincount(cell, weights=positive)
    down = np.bincount(cell) - up
    # per cell: positives and negatives that are lower in its stratum, and all of its stratum
    section, _ = numbered(keys // (level.max(initial=0) + 1))
    whole_up, whole_down = (np.bincount(section, weights=own) for own in (up, down))
    lower_up, lower_down = (
        own.cumsum() - own - (whole.cumsum() - whole)[section] for own, whole in ((up, whole_up), (down, whole_down))
    )
    higher_up = whole_up[section] - lower_up - up
    own = positive.astype(np.int64)
    wins = np.stack([higher_up + up / 2, lower_down + down / 2])[own, cell]
    pairs = np.stack([whole_up[section], whole_down[section]])[own, cell]
    totals = np.zeros((2, groups))
    for total, sums in zip(totals, (wins, pairs), strict=True):
        total += np.bincount(group, weights=sums, minlength=groups)
    return PairSums(*totals)
