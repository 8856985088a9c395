"""What all scores of features against concepts share: membership, class means, and rates at a fixed prevalence.

Scores are (sequences, features) arrays; labels (sequences,) hold the family of each sequence as 0 .. families - 1.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

PREVALENCE = 1 / 40
"""Share of positives to which MCC, F1, precision and average precision are weighted, whatever the data hold."""


def membership(labels: ArrayLike, families: int) -> Floats:
    """(sequences, families) of 0 and 1.

    Raises:
        ValueError: a label is not one of 0 .. families - 1.
    """
    index = np.asarray(labels)
    if index.size and not 0 <= index.min() <= index.max() < families:
        raise ValueError(f"labels run from {index.min()} to {index.max()}, not within 0 to {families - 1}")
    member: Floats = np.eye(families)[index]
    return member


def class_means(scores: ArrayLike, labels: ArrayLike, families: int) -> Floats:
    """Mean score of every family, (families, features): each family then weighs the same, whatever its size."""
    member = membership(labels, families)
    return np.asarray(member.T @ np.asarray(scores) / member.sum(axis=0)[:, None], dtype=np.float64)


def matthews(true_positive_rate: ArrayLike, false_positive_rate: ArrayLike, prevalence: float = PREVALENCE) -> Floats:
    """MCC at a fixed prevalence P: sqrt(P (1 - P)) (t - f) / sqrt(a (1 - a)), where a = P t + (1 - P) f is the share
    that is called positive. 0 where everything or nothing is called."""
    t, f = np.asarray(true_positive_rate, dtype=np.float64), np.asarray(false_positive_rate, dtype=np.float64)
    called = prevalence * t + (1 - prevalence) * f
    spread = np.sqrt(np.maximum(called * (1 - called), 0))
    top = np.sqrt(prevalence * (1 - prevalence)) * (t - f)
    value: Floats = np.divide(top, spread, out=np.zeros_like(top), where=spread > 1e-9)
    return value


def f1_score(true_positive_rate: ArrayLike, false_positive_rate: ArrayLike, prevalence: float = PREVALENCE) -> Floats:
    """F1 at a fixed prevalence P: 2 P t / (P t + (1 - P) f + P)."""
    t, f = np.asarray(true_positive_rate, dtype=np.float64), np.asarray(false_positive_rate, dtype=np.float64)
    return 2 * prevalence * t / (prevalence * t + (1 - prevalence) * f + prevalence)


def precision(true_positive_rate: ArrayLike, false_positive_rate: ArrayLike, prevalence: float = PREVALENCE) -> Floats:
    """Precision at a fixed prevalence P: P t / (P t + (1 - P) f); 0 where nothing is called."""
    t, f = np.asarray(true_positive_rate, dtype=np.float64), np.asarray(false_positive_rate, dtype=np.float64)
    called = prevalence * t + (1 - prevalence) * f
    value: Floats = np.divide(prevalence * t, called, out=np.zeros_like(called), where=called > 0)
    return value
