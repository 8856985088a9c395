"""How much a feature prefers some concepts: Yanai's tau and the information about the concept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse
from scipy.stats import entropy

from tasks.sae.concepts.membership import Floats, Integers, Membership, Scores, class_means

_DRAWS_AT_ONCE = 20  # (concepts, draws, features) numbers are held


@dataclass(frozen=True)
class Selectivity:
    """Both measures (features,) run from 0 (all concepts alike) to 1 (one concept only); nan for dead features."""

    tau: Floats
    information: Floats

    @property
    def live(self) -> int:
        return int(np.isfinite(self.tau).sum())

    @property
    def median_tau(self) -> float:
        """Median over live features; nan without any."""
        return float(np.nanmedian(self.tau)) if self.live else float("nan")

    @property
    def median_information(self) -> float:
        """Median over live features; nan without any."""
        return float(np.nanmedian(self.information)) if self.live else float("nan")


def selectivity(scores: Scores, member: Membership) -> Selectivity:
    """Class-balanced selectivity of every feature, from x_c, its mean activation in concept c of C.

    tau = sum_c (1 - x_c / max x) / (C - 1) (Yanai et al. 2005); information = 1 - H / log C, with H the entropy of
    x_c / sum x. Only the positive part of a score counts as activation; a feature is live if any concept has some.
    Cost O(items x features x concepts).
    """
    means = class_means(_positive(scores), member)
    means = np.where(means.max(axis=0) > 0, means, np.nan)
    tau = (1 - means / means.max(axis=0)).sum(axis=0) / (len(means) - 1)
    return Selectivity(tau, 1 - entropy(means, axis=0) / np.log(len(means)))


def median_tau_draws(scores: Scores, member: Membership, units: Integers, weights: Floats) -> Floats:
    """(draws,): :attr:`Selectivity.median_tau` in every draw; NaN where a draw leaves a concept without items.

    Args:
        scores: (items, features).
        member: (items, concepts).
        units: (items,), the column of ``weights`` that says how often an item was drawn.
        weights: (draws, units).

    Cost O(draws x (units + features) x concepts) beyond one reading of the scores.
    """
    positive, sums = _positive(scores), []
    for column in member.T:
        rows = np.flatnonzero(column)
        own, place = np.unique(units[rows], return_inverse=True)
        gather = scipy.sparse.csr_array((np.ones(len(rows)), (place, np.arange(len(rows)))), (len(own), len(rows)))
        sums.append((own, gather @ positive[rows], np.bincount(place, minlength=len(own))))
    found = np.full(len(weights), np.nan)
    for start in range(0, len(weights), _DRAWS_AT_ONCE):
        part = weights[start : start + _DRAWS_AT_ONCE]
        counts = np.stack([part[:, own] @ count for own, _, count in sums])
        totals = np.stack([part[:, own] @ total for own, total, _ in sums])
        means = totals / np.where(counts > 0, counts, np.nan)[:, :, None]
        most = means.max(axis=0)
        tau = (1 - means / np.where(most > 0, most, np.nan)).sum(axis=0) / (len(means) - 1)
        for number, own in enumerate(tau, start):
            live = own[np.isfinite(own)]
            if len(live):
                found[number] = np.median(live)
    return found


def _positive(scores: Scores) -> Any:
    return scores.maximum(0) if scipy.sparse.issparse(scores) else np.maximum(np.asarray(scores), 0)
