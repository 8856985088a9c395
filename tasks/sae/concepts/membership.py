"""What all scores of features against concepts share: membership, columns of scores, and class means.

Scores are (items, features), dense or scipy CSR. A membership matrix (items, concepts) of bool says which concepts an
item belongs to: one, several or none.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Membership = NDArray[np.bool_]
Scores = ArrayLike | scipy.sparse.csr_array


def one_label_each(labels: ArrayLike, concepts: int) -> Membership:
    """(items, concepts), for items that belong to the one concept that ``labels`` (items,) names by its number.

    Raises:
        ValueError: a label is not one of 0 .. concepts - 1.
    """
    index = np.asarray(labels)
    if index.size and not 0 <= index.min() <= index.max() < concepts:
        raise ValueError(f"labels run from {index.min()} to {index.max()}, not within 0 to {concepts - 1}")
    member: Membership = np.eye(concepts, dtype=bool)[index]
    return member


def columns(scores: Scores, features: Integers) -> NDArray[np.floating]:
    """(items, chosen features), dense."""
    chosen = (scores if scipy.sparse.issparse(scores) else np.asarray(scores))[:, features]
    return np.asarray(chosen.toarray() if scipy.sparse.issparse(chosen) else chosen)


def class_means(scores: Scores, member: Membership) -> Floats:
    """Mean score of every concept, (concepts, features): each concept then weighs the same, whatever its size."""
    weights = member.astype(np.float64)
    values = scores if scipy.sparse.issparse(scores) else np.asarray(scores)
    return np.asarray(weights.T @ values / weights.sum(axis=0)[:, None], dtype=np.float64)
