"""AUROC within strata, with bootstrap draws over groups of items that cost no second pass over the items."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tasks.sae.concepts.membership import Floats, Integers


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

    Args:
        scores, positive, stratum, group: (items,).
        groups: how many there are; ``group`` holds their numbers.
    """
    values, strata = np.asarray(scores, dtype=np.float64), np.asarray(stratum)
    order = np.lexsort((values, strata))
    values, strata, own = values[order], strata[order], positive[order]
    new_stratum = np.append(True, strata[1:] != strata[:-1])
    new_tie = new_stratum | np.append(True, values[1:] != values[:-1])
    # per item: (positives, negatives) of its stratum that are lower, and that are equal
    kinds = np.column_stack([own, ~own]).astype(np.float64)
    before = np.vstack([np.zeros((1, 2)), kinds.cumsum(axis=0)])
    ties, sections = np.flatnonzero(new_tie), np.flatnonzero(new_stratum)
    tie, section = new_tie.cumsum() - 1, new_stratum.cumsum() - 1
    tie_ends, section_ends = np.append(ties[1:], len(own)), np.append(sections[1:], len(own))
    lower = before[ties[tie]] - before[sections[section]]
    equal = before[tie_ends[tie]] - before[ties[tie]]
    whole = before[section_ends[section]] - before[sections[section]]
    lower_negatives, higher_positives = lower[:, 1], whole[:, 0] - lower[:, 0] - equal[:, 0]
    wins = np.where(own, lower_negatives + equal[:, 1] / 2, higher_positives + equal[:, 0] / 2)
    pairs = np.where(own, whole[:, 1], whole[:, 0])
    place = group[order]
    totals = np.zeros((2, groups))
    for total, sums in zip(totals, (wins, pairs), strict=True):
        np.add.at(total, place, sums)
    return PairSums(*totals)
