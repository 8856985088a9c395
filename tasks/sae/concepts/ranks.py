"""Ranks of items within every feature, from which AUROC against any concept is one matrix product."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata

from harness.statistics.metrics import auroc_from_rank_sums
from tasks.sae.concepts.membership import Floats, Integers, Scores

_TABLE = 4  # times as many entries as there are items


@dataclass(frozen=True)
class Ranks:
    """Ranks from 1 upwards, the mean rank for ties: of an item that scores 0, ``of_zero`` (features,), and of every
    item ``above_zero`` (items, features) more. Sparse scores give sparse ranks; dense ones count 0 as rank 0."""

    above_zero: Floats | scipy.sparse.csc_array
    of_zero: Floats

    @classmethod
    def of(cls, scores: Scores) -> Ranks:
        """Of (items, features) scores. Time O(values log items), for CSR of the values that are not 0."""
        if not scipy.sparse.issparse(scores):
            ranks = rankdata(np.asarray(scores), axis=0)
            return cls(ranks, np.zeros(ranks.shape[1]))
        columns = scipy.sparse.csc_array(scores, copy=True)
        columns.eliminate_zeros()
        stored = np.diff(columns.indptr)
        zeros = columns.shape[0] - stored
        below = np.add.reduceat(np.r_[columns.data < 0, False].astype(int), columns.indptr[:-1]) * (stored > 0)
        of_zero = below + (zeros + 1) / 2
        data = np.empty(len(columns.data))
        for feature in np.flatnonzero(stored):
            part = slice(columns.indptr[feature], columns.indptr[feature + 1])
            values = columns.data[part]
            data[part] = rankdata(values) + zeros[feature] * (values > 0) - of_zero[feature]
        return cls(scipy.sparse.csc_array((data, columns.indices, columns.indptr), columns.shape), of_zero)

    @property
    def items(self) -> int:
        return int(self.above_zero.shape[0])

    def auroc(self, member: ArrayLike) -> Floats:
        """(concepts, features), for ``member`` (items, concepts) of bool or of 0 and 1; nan for a concept that holds
        no item or all of them. Sums of ranks are whole or half numbers: dense and sparse scores give equal bits."""
        weights = np.asarray(member, dtype=np.float64)
        sizes = weights.sum(axis=0)
        sums = weights.T @ self.above_zero + sizes[:, None] * self.of_zero
        return auroc_from_rank_sums(sums, sizes, self.items)


def numbered(keys: Integers) -> tuple[Integers, Integers]:
    """(items,) which of the distinct keys every item has, and those keys (k,) in order: ``np.unique`` with its inverse.

    Args:
        keys: (items,), 0 or more. Where they are few, a table of them takes the place of a sort.
    """
    if keys.max(initial=0) < _TABLE * len(keys):
        present = np.zeros(keys.max(initial=0) + 1, dtype=bool)
        present[keys] = True
        return (present.cumsum() - 1)[keys], np.flatnonzero(present)
    return _sorted_once(keys)


def levels(scores: ArrayLike) -> Integers:
    """(items,) whole numbers from 0 on in the order of the scores, equal for equal scores; zeros are not sorted."""
    values = np.asarray(scores)
    stored = np.flatnonzero(values)
    number, distinct = _sorted_once(values[stored])
    below = int((distinct < 0).sum())
    found = np.full(len(values), below)
    found[stored] = number + (number >= below) * (len(stored) < len(values))
    return found


def _sorted_once(values: NDArray[Any]) -> tuple[Integers, NDArray[Any]]:
    """:func:`numbered` by a sort that is not stable, which ``np.unique`` asks for: several times as fast."""
    order = np.argsort(values)
    ordered = values[order]
    first = np.append(True, ordered[1:] != ordered[:-1])[: len(values)]
    number = np.empty(len(values), dtype=np.int64)
    number[order] = first.cumsum() - 1
    return number, ordered[first]
