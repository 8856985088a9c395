"""Similarities of pairs: the cosine or the distance of two vectors, or what a model says of two sequences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg import solve_triangular

from harness.adapter import ModelAdapter
from harness.datasets.records import Record
from harness.errors import HarnessError
from harness.progress import Progress
from tasks.overlap_ratio.data import Booleans
from tasks.overlap_ratio.density import Floats, Integers
from tasks.overlap_ratio.embeddings import Vectors

_PAIRS_AT_ONCE = 4096
_NUMBERS_AT_ONCE = 2**17  # what fits into a core's cache


def unit_vectors(vectors: Vectors, records: Sequence[Record], what: str) -> Vectors:
    """Rows of length 1, float32.

    Raises:
        HarnessError: a row is zero, or not finite; names the record. ``what`` says whose vectors they are.
    """
    lengths = np.sqrt(np.einsum("rw,rw->r", vectors, vectors, dtype=np.float64))
    bad = ~(np.isfinite(lengths) & (lengths > 0))
    if bad.any():
        row = int(bad.argmax())
        kind = "a vector of zeros" if lengths[row] == 0 else "NaN or infinity"
        raise HarnessError(
            f"{what} gives record {records[row].id!r} {kind}, which has no cosine: remove the record from the dataset"
        )
    return vectors / lengths[:, None].astype(np.float32)


def cosine(units: Vectors, pairs: Integers) -> Floats:
    """(pairs,) float64: 1 - |u - v|² / 2 of unit vectors, exact where similarities crowd near 1."""
    found = np.empty(len(pairs))
    block = max(16, _NUMBERS_AT_ONCE // units.shape[1])
    for start in range(0, len(pairs), block):
        part = pairs[start : start + block]
        apart = units.take(part[:, 0], axis=0)
        apart -= units.take(part[:, 1], axis=0)
        found[start : start + block] = np.einsum("pw,pw->p", apart, apart)
    return 1 - found / 2


def whitened(centred: Vectors, fitted: Booleans, weights: Floats) -> Vectors:
    """Vectors (records, width) of which no direction varies more than another among those ``fitted``, float32.

    The covariance is that of the ``fitted`` records about zero, each weighing as in ``weights`` (records,), shrunk
    towards equal variances as far as their number asks for (Ledoit and Wolf 2004): few records say little of the
    directions in which they hardly vary, and those would be blown up most.
    """
    scale = np.sqrt(weights[fitted] / weights[fitted].mean())
    factor = np.linalg.cholesky(_shrunk_covariance(centred[fitted] * scale[:, None])).astype(np.float32)
    # any root of the covariance gives the same cosines; that of Cholesky is the cheapest
    return np.ascontiguousarray(solve_triangular(factor, centred.T, lower=True, check_finite=False).T)


def _shrunk_covariance(rows: Floats) -> Floats:
    """That of rows (n, width) about zero, as scikit-learn's ``ledoit_wolf`` has it, from one product in place of three:
    of 4,096 k-mers each takes seconds."""
    count, width = rows.shape
    covariance = rows.T @ rows / count
    middle, size = covariance.trace() / width, np.square(covariance).sum()
    spread = size - width * middle**2
    error = (np.square(np.square(rows).sum(axis=1)).mean() - size) / count
    # never quite none: a covariance without any has no root where a direction never varies
    share = float(np.clip(error / spread, 1e-6, 1)) if spread > 0 else 0.0
    covariance *= 1 - share
    covariance.flat[:: width + 1] += share * middle
    return covariance


def standardised(vectors: Vectors, families: Sequence[str | None]) -> Floats:
    """Columns (records, width) in units of their standard deviation, every family weighing the same; a constant column
    is left as it is. float64."""
    _, number = np.unique([family or "" for family in families], return_inverse=True)
    weights = 1 / np.bincount(number)[number]
    values = vectors.astype(np.float64)
    spread = np.sqrt(np.average((values - np.average(values, axis=0, weights=weights)) ** 2, axis=0, weights=weights))
    return np.asarray(values / np.where(spread > 0, spread, 1))


def nearness(places: Floats, pairs: Integers) -> Floats:
    """(pairs,) float64: minus the Euclidean distance, in single precision, so that what differs by less is a tie."""
    apart = places[pairs[:, 0]] - places[pairs[:, 1]]
    return np.asarray(-np.linalg.norm(apart, axis=1).astype(np.float32).astype(np.float64))


@dataclass(frozen=True)
class PairSimilarities:
    """Similarities of the distinct pairs of ``count`` records, looked up by their numbers."""

    keys: Integers
    values: Floats
    count: int

    def __call__(self, pairs: Integers) -> Floats:
        """(pairs,) float64."""
        return self.values[np.searchsorted(self.keys, _keys(pairs, self.count))]


def pair_similarities(
    model: ModelAdapter, records: Sequence[Record], pairs: Integers, progress: Progress
) -> PairSimilarities:
    """Ask the model once for every distinct pair.

    Raises:
        HarnessError: a similarity is NaN or infinite, or there are too few of them.
    """
    keys = np.unique(_keys(pairs, len(records)))
    values = np.empty(len(keys))
    with progress.track("similarity", len(keys)) as advance:
        for start in range(0, len(keys), _PAIRS_AT_ONCE):
            first, second = np.divmod(keys[start : start + _PAIRS_AT_ONCE], len(records))
            named = [(records[i], records[j]) for i, j in zip(first.tolist(), second.tolist(), strict=True)]
            found = np.asarray(model.similarity([(a.sequence, b.sequence) for a, b in named]), dtype=np.float64)
            if found.shape != (len(named),):
                raise HarnessError(f"{model.card.name} returned {found.shape} similarities for {len(named)} pairs")
            if not np.isfinite(found).all():
                a, b = named[int((~np.isfinite(found)).argmax())]
                raise HarnessError(f"{model.card.name} returned NaN or infinity for records {a.id!r} and {b.id!r}")
            values[start : start + len(found)] = found
            advance(start + len(found))
    return PairSimilarities(keys, values, len(records))


def _keys(pairs: Integers, count: int) -> Integers:
    ordered = np.sort(pairs, axis=1)
    return np.asarray(ordered[:, 0] * count + ordered[:, 1])
