"""How much a feature prefers some concepts: Yanai's tau and the information about the concept."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse
from scipy.stats import entropy

from tasks.sae.concepts.membership import Floats, Membership, Scores, class_means


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
    positive = scores.maximum(0) if scipy.sparse.issparse(scores) else np.maximum(np.asarray(scores), 0)
    means = class_means(positive, member)
    means = np.where(means.max(axis=0) > 0, means, np.nan)
    tau = (1 - means / means.max(axis=0)).sum(axis=0) / (len(means) - 1)
    return Selectivity(tau, 1 - entropy(means, axis=0) / np.log(len(means)))
