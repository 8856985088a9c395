"""Metrics of the test RNAs with 95 % intervals from one set of bootstrap draws over families or RNAs."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from harness.statistics.bootstrap import Estimate, cluster_weights
from harness.statistics.metrics import matthews_of_counts
from tasks.structure.counts import Floats
from tasks.structure.protocol import TEST_SEED, HeadSelection, HeldOut


class Bootstrap:
    """The draws of a cell: weights (draws, RNAs), the same for every metric, stratum and model."""

    def __init__(self, table: pd.DataFrame, draws: int) -> None:
        self.table = table
        self.units = table["unit"].to_numpy()
        self.weights = cluster_weights(list(self.units), draws, TEST_SEED)

    def ratio(
        self, numerator: ArrayLike, denominator: ArrayLike, members: NDArray[np.bool_] | None = None
    ) -> Estimate | None:
        """Sum over sum, over RNAs or the ``members`` among them; None where the denominator is 0.

        Draws without a single item of a small stratum have no value.
        """
        keep = np.ones(len(self.table), dtype=bool) if members is None else members
        top, bottom = (np.where(keep, np.asarray(values, dtype=np.float64), 0) for values in (numerator, denominator))
        if not bottom.sum() > 0:
            return None
        below = self.weights @ bottom
        drawn = np.divide(self.weights @ top, below, out=np.full(len(below), np.nan), where=below > 0)
        return Estimate(float(top.sum() / bottom.sum()), drawn, len(set(self.units[keep & (bottom > 0)])))

    def f1(self, suffix: str = "", members: NDArray[np.bool_] | None = None) -> Estimate | None:
        """Pooled F1 of the counts tp, fp, fn with this suffix."""
        tp, fp, fn = (self.table[f"{name}{suffix}"].to_numpy() for name in ("tp", "fp", "fn"))
        return self.ratio(2 * tp, 2 * tp + fp + fn, members)

    def mean(self, column: str) -> Estimate | None:
        """Mean over the RNAs that have a value."""
        values = self.table[column].to_numpy(dtype=np.float64)
        return self.ratio(np.nan_to_num(values), ~np.isnan(values))

    def conditional(self) -> Estimate | None:
        """See :mod:`tasks.structure.pair_conditional`."""
        return self.ratio(self.table["conditional_wins"], self.table["conditional_pairs"])

    def nested(self, selection: HeadSelection, tested: HeldOut) -> dict[str, Estimate]:
        """f1_pooled, mcc and f1_per_rna of the choice made, their draws with the choices of the same draws.

        A draw resamples the validation RNAs, chooses head and threshold on them, and scores the choice on resampled
        test RNAs.
        """
        place = {option: column for column, option in enumerate(tested.options)}
        columns = np.array([place[choice] for choice in selection.draws])
        known = self.table["pairs"].to_numpy(dtype=np.float64)
        total = self.table[["tp", "fp", "fn", "tn"]].to_numpy().sum(axis=1)

        def drawn(values: Floats) -> Floats:
            return np.einsum("dr,rd->d", self.weights, values[:, columns])

        tp, predicted = (counts.astype(np.float64) for counts in (tested.true_positives, tested.predicted))
        with np.errstate(invalid="ignore", divide="ignore"):
            per_rna = np.nan_to_num(2 * tp / (predicted + known[:, None])) * (known > 0)[:, None]
            pooled = drawn(tp), drawn(predicted), self.weights @ known, self.weights @ total
            draws = {
                "f1_pooled": 2 * pooled[0] / (pooled[1] + pooled[2]),
                "mcc": matthews_of_counts(*pooled),
                "f1_per_rna": drawn(per_rna) / (self.weights @ (known > 0)),
            }
        sums = float(tp[:, 0].sum()), float(predicted[:, 0].sum()), float(known.sum()), float(total.sum())
        points = {
            "f1_pooled": 2 * sums[0] / (sums[1] + sums[2]),
            "mcc": float(matthews_of_counts(*sums)),
            "f1_per_rna": float(per_rna[known > 0, 0].mean()),
        }
        units = len(set(self.units))
        return {name: Estimate(points[name], values, units) for name, values in draws.items()}
