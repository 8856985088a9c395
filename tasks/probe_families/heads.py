"""Which family a vector is of: the nearest centroid, logistic regression, or the most similar training sequence."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.sequences.kmers import kmer_counts

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

CENTROID, LOGISTIC, LOOKUP = "nearest-centroid", "logistic", "lookup"
PENALTIES = (1.0, 1e2, 1e4, 1e6, 1e8)
"""C of scikit-learn for vectors of mean squared length 1, the strongest penalty first; validation chooses."""
CANDIDATES = 30
"""Training sequences that are aligned with a sequence: those that share most k-mers with it."""
_WORD = 4


@dataclass(frozen=True)
class Scale:
    """Vectors less the mean of the training ones, over one length common to all dimensions.

    No dimension is scaled by itself, so that distances and penalties are the same in every rotation of the space.
    """

    mean: Floats
    length: float

    @classmethod
    def of(cls, vectors: NDArray[np.float32]) -> Scale:
        centred = vectors.astype(np.float64)
        mean = centred.mean(axis=0)
        return cls(mean, float(np.sqrt(np.square(centred - mean).sum(axis=1).mean())) or 1.0)

    def __call__(self, vectors: NDArray[np.float32]) -> Floats:
        return np.asarray((vectors - self.mean) / self.length, dtype=np.float64)


def nearest_centroid(train: Floats, labels: Integers, asked: Floats, families: int) -> Integers:
    """The family whose mean vector is nearest; every family has an example."""
    member = np.eye(families)[labels]
    centroids = member.T @ train / member.sum(axis=0)[:, None]
    distance = np.square(centroids).sum(axis=1) - 2 * asked @ centroids.T
    return np.asarray(distance.argmin(axis=1), dtype=np.int64)


def logistic(train: Floats, labels: Integers, asked: Sequence[Floats], penalty: float) -> list[Integers]:
    """Multinomial regression with an L2 penalty; every family weighs the same, however many examples it has.

    Its weights lie in the span of the examples, so that wider vectors are first turned into that span: the same
    predictions at less cost.
    """
    from sklearn.linear_model import LogisticRegression

    if train.shape[1] > len(train):
        _, _, basis = np.linalg.svd(train, full_matrices=False)
        train, asked = train @ basis.T, [own @ basis.T for own in asked]
    with warnings.catch_warnings():
        # one example of each family makes it take families for numbers to regress
        warnings.filterwarnings("ignore", "The number of unique classes")
        model = LogisticRegression(C=penalty, class_weight="balanced", max_iter=1000).fit(train, labels)
    return [np.asarray(model.predict(own), dtype=np.int64) for own in asked]


def lookup(train: Sequence[str], labels: Integers, asked: Sequence[str]) -> Integers:
    """The family of the training sequence with the greatest identity, 1 − edit distance / length of the longer.

    Only those are aligned that share most 4-mers, as cosine; of equal ones the one that shares more wins.
    """
    from edlib import align

    def unit(sequences: Sequence[str]) -> NDArray[np.float32]:
        counts = kmer_counts(sequences, _WORD)
        return counts / np.maximum(np.linalg.norm(counts, axis=1, keepdims=True), 1e-9)

    shared = unit(asked) @ unit(train).T
    order = np.argsort(-shared, axis=1, kind="stable")[:, :CANDIDATES]
    found = []
    for sequence, rows in zip(asked, order.tolist(), strict=True):
        alike = [1 - align(sequence, train[k])["editDistance"] / max(len(sequence), len(train[k])) for k in rows]
        found.append(int(labels[rows[int(np.argmax(alike))]]))
    return np.array(found, dtype=np.int64)
