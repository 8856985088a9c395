"""Logistic probes: what k features say about a family, as a share of what all dimensions say."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.linear_model import LogisticRegression

from tasks.sae.concepts.choice import rank_auroc
from tasks.sae.concepts.membership import Floats

PROBE_SIZES = (1, 2, 5, 16)


def probe_scores(select: ArrayLike, positive: NDArray[np.bool_], test: ArrayLike) -> Floats:
    """Decision values (test sequences,) of a logistic regression fitted on select.

    Columns are standardised by the mean and deviation on select; classes weigh the same; L2 penalty with C = 1.
    """
    fit = np.asarray(select, dtype=np.float64)
    centre, spread = fit.mean(axis=0), fit.std(axis=0)
    spread = np.where(spread > 0, spread, 1.0)
    model = LogisticRegression(class_weight="balanced", max_iter=1000).fit((fit - centre) / spread, positive)
    return np.asarray(model.decision_function((np.asarray(test) - centre) / spread), dtype=np.float64)


def dense_probe(
    select: ArrayLike, select_labels: ArrayLike, test: ArrayLike, test_labels: ArrayLike, families: int
) -> Floats:
    """Test AUROC (families,) of one-versus-rest probes on all columns (mean hidden state of each sequence)."""
    labels = np.asarray(select_labels)
    decisions = np.column_stack([probe_scores(select, labels == c, test) for c in range(families)])
    return np.diagonal(rank_auroc(decisions, test_labels, families)).copy()


def sparse_probes(
    select: ArrayLike,
    select_labels: ArrayLike,
    test: ArrayLike,
    test_labels: ArrayLike,
    families: int,
    sizes: Sequence[int] = PROBE_SIZES,
) -> Floats:
    """Test AUROC (sizes, families) of probes on the k features with the largest |AUROC - 0.5| on select.

    Scores are (sequences, features); k is cut to the number of features. Cost: one :func:`rank_auroc`, and
    len(sizes) x families fits of k columns.
    """
    fit, held, labels = np.asarray(select), np.asarray(test), np.asarray(select_labels)
    strength = np.abs(np.nan_to_num(rank_auroc(fit, labels, families), nan=0.5) - 0.5)
    order = np.argsort(-strength, axis=1, kind="stable")[:, : max(sizes)]
    reached = np.empty((len(sizes), families))
    for row, size in enumerate(sizes):
        chosen = order[:, :size]
        decisions = [probe_scores(fit[:, chosen[c]], labels == c, held[:, chosen[c]]) for c in range(families)]
        reached[row] = np.diagonal(rank_auroc(np.column_stack(decisions), test_labels, families))
    return reached


def share_of_dense(sparse: ArrayLike, dense: ArrayLike) -> Floats:
    """(macro sparse - 0.5) / (macro dense - 0.5) for every probe size: the share of what lies above chance.

    nan where the dense probe is not above chance.
    """
    macro, ceiling = np.asarray(sparse).mean(axis=-1) - 0.5, float(np.mean(np.asarray(dense))) - 0.5
    return np.asarray(macro / ceiling if ceiling > 0 else np.full_like(macro, np.nan), dtype=np.float64)
