"""Logistic probes: what k features say about a concept, as a share of what all dimensions say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.linear_model import LogisticRegression

from tasks.sae.concepts.choice import rank_auroc
from tasks.sae.concepts.membership import Floats, Membership, Scores, columns

PROBE_SIZES = (1, 2, 5, 16)


@dataclass(frozen=True)
class Probe:
    """A logistic regression on columns standardised by the mean and deviation of what it was fitted on."""

    centre: Floats
    spread: Floats
    model: LogisticRegression

    @classmethod
    def fit(cls, select: ArrayLike, positive: NDArray[np.bool_]) -> Probe:
        """Classes weigh the same; L2 penalty with C = 1."""
        fit = np.asarray(select, dtype=np.float64)
        centre, spread = fit.mean(axis=0), fit.std(axis=0)
        spread = np.where(spread > 0, spread, 1.0)
        model = LogisticRegression(class_weight="balanced", max_iter=1000).fit((fit - centre) / spread, positive)
        return cls(centre, spread, model)

    def scores(self, items: ArrayLike) -> Floats:
        """Decision values (items,)."""
        return np.asarray(self.model.decision_function((np.asarray(items) - self.centre) / self.spread))


def probe_scores(select: ArrayLike, positive: NDArray[np.bool_], test: ArrayLike) -> Floats:
    """Decision values (test items,) of a probe fitted on select."""
    return Probe.fit(select, positive).scores(test)


def dense_probe(select: ArrayLike, select_member: Membership, test: ArrayLike, test_member: Membership) -> Floats:
    """Test AUROC (concepts,) of one-versus-rest probes on all columns, as of the mean hidden state of each item."""
    decisions = np.column_stack([probe_scores(select, positive, test) for positive in select_member.T])
    return np.diagonal(rank_auroc(decisions, test_member)).copy()


def sparse_probes(
    select: Scores,
    select_member: Membership,
    test: Scores,
    test_member: Membership,
    sizes: Sequence[int] = PROBE_SIZES,
) -> Floats:
    """Test AUROC (sizes, concepts) of probes on the k features with the largest |AUROC - 0.5| on select.

    Scores are (items, features); k is cut to the number of features. Cost: one :func:`rank_auroc`, and
    len(sizes) x concepts fits of k columns.
    """
    strength = np.abs(np.nan_to_num(rank_auroc(select, select_member), nan=0.5) - 0.5)
    order = np.argsort(-strength, axis=1, kind="stable")[:, : max(sizes)]
    reached = np.empty((len(sizes), select_member.shape[1]))
    for row, size in enumerate(sizes):
        decisions = [
            probe_scores(columns(select, chosen), positive, columns(test, chosen))
            for chosen, positive in zip(order[:, :size], select_member.T, strict=True)
        ]
        reached[row] = np.diagonal(rank_auroc(np.column_stack(decisions), test_member))
    return reached


def share_of_dense(sparse: ArrayLike, dense: ArrayLike) -> Floats:
    """(macro sparse - 0.5) / (macro dense - 0.5) for every probe size: the share of what lies above chance.

    nan where the dense probe is not above chance.
    """
    macro, ceiling = np.asarray(sparse).mean(axis=-1) - 0.5, float(np.mean(np.asarray(dense))) - 0.5
    return np.asarray(macro / ceiling if ceiling > 0 else np.full_like(macro, np.nan), dtype=np.float64)
