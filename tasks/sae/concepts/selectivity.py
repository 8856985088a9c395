"""How much a feature prefers some families: Yanai's tau and the information about the family."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import entropy

from tasks.sae.concepts.membership import Floats, class_means


@dataclass(frozen=True)
class Selectivity:
    """Both measures (features,) run from 0 (all families alike) to 1 (one family only); nan for dead features."""

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


def selectivity(scores: ArrayLike, labels: ArrayLike, families: int) -> Selectivity:
    """Class-balanced selectivity of every feature, from x_c, its mean activation in family c of C.

    tau = sum_c (1 - x_c / max x) / (C - 1) (Yanai et al. 2005); information = 1 - H / log C, with H the entropy of
    x_c / sum x. Only the positive part of a score counts as activation; a feature is live if any family has some.
    Cost O(sequences x features x families).
    """
    means = class_means(np.maximum(np.asarray(scores), 0), labels, families)
    means = np.where(means.max(axis=0) > 0, means, np.nan)
    tau = (1 - means / means.max(axis=0)).sum(axis=0) / (families - 1)
    return Selectivity(tau, 1 - entropy(means, axis=0) / np.log(families))
