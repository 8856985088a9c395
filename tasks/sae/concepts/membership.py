"""What all scores of features against concepts share: membership and class means.

Scores are (sequences, features) arrays; labels (sequences,) hold the family of each sequence as 0 .. families - 1.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


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
