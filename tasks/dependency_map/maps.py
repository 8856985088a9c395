"""From predictions under substitutions to two maps of pairs: the dependency map and the categorical Jacobian."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tasks.dependency_map.substitutions import Floats

VARIANTS = ("dependency-map", "jacobian")
EPSILON = 1e-10
"""Added to every probability, so that odds stay finite."""


def dependency(before: Floats, after: Floats) -> Floats:
    """(length, length): the largest |log2 odds ratio| of any base at either position when the other is substituted.

    The dependency map of Tomaz da Silva et al. 2025 (doi:10.1038/s41588-025-02347-3), symmetrised by the larger of the
    two directions. Predictions of a causal model before the substitution do not change, so that its other triangle
    decides by itself. The diagonal is 0.
    """
    reference = _log_odds(before)
    found = np.stack([np.abs(_log_odds(own) - reference).max(axis=(0, 2)) for own in after])
    np.fill_diagonal(found, 0)
    return np.asarray(np.maximum(found, found.T), dtype=np.float32)


def _log_odds(log_probs: Floats) -> NDArray[np.float64]:
    """log2 of p / (1 - p); 1 - p is summed from the other letters, which keeps its digits where p is almost 1."""
    probabilities = np.exp(log_probs.astype(np.float64)) + EPSILON
    others = [np.delete(probabilities, letter, axis=-1).sum(axis=-1) for letter in range(probabilities.shape[-1])]
    odds: NDArray[np.float64] = np.log2(probabilities) - np.log2(np.stack(others, axis=-1))
    return odds


def centred_jacobian(before: Floats, after: Floats) -> Floats:
    """(length, 4, length, 4): how log-probabilities change, centred over all four axes.

    Centred over the predicted letters, changes of log-probabilities are those of logits: the normaliser drops out.
    """
    jacobian = after - before
    for axis in range(jacobian.ndim):
        jacobian -= jacobian.mean(axis=axis, keepdims=True, dtype=np.float64).astype(np.float32)
    return jacobian


def jacobian_map(jacobian: Floats, causal: bool) -> Floats:
    """(length, length): the categorical Jacobian of Zhang et al. 2024 (doi:10.1073/pnas.2406285121) as a map.

    Frobenius norm of every 4 x 4 block, mean of both directions (of a causal model the one in which a later position
    follows an earlier one), zero diagonal, average product correction.
    """
    norms = np.sqrt(np.einsum("iajb,iajb->ij", jacobian, jacobian, dtype=np.float64))
    both = np.triu(norms, 1) + np.triu(norms, 1).T if causal else (norms + norms.T) / 2
    np.fill_diagonal(both, 0)
    sums = both.sum(axis=1)
    if sums.sum() > 0:
        both -= np.outer(sums, sums) / sums.sum()
    return np.asarray(both, dtype=np.float32)


def dependency_score(values: Floats) -> Floats:
    """e / (1 + e): from [0, ∞) to [0, 1) in the same order, so that thresholds can be tried on a grid."""
    return values / (1 + values)


def jacobian_score(values: Floats) -> Floats:
    """(1 + x / (1 + |x|)) / 2: from all numbers to (0, 1) in the same order."""
    return (1 + values / (1 + np.abs(values))) / 2


def unit_of(values: Floats) -> float:
    """The 99th percentile of |values|, or 1 if that is 0: the grid is then as fine for weak predictions as any."""
    return float(np.quantile(np.abs(values), 0.99)) or 1.0
