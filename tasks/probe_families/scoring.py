"""Accuracy and F1 of predicted families, averaged over families, with draws over the test clusters of each."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.sparse
from numpy.typing import NDArray

from harness.statistics.bootstrap import Estimate, nested_estimate, stratified_cluster_weights
from harness.statistics.metrics import f1_of_counts

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Truth:
    """The families of test sequences, one of each cluster, and their draws, the same for every source."""

    labels: Integers
    families: int
    names: tuple[str, ...]
    draws: int

    @cached_property
    def weights(self) -> Floats:
        """(draws, sequences); each family keeps its number of clusters."""
        return stratified_cluster_weights(self.labels.tolist(), self.names, self.draws)

    @cached_property
    def known(self) -> Floats:
        """(draws, families)."""
        return self._by_family(self.labels, np.ones(len(self.labels)))

    def estimates(self, predicted: Integers) -> dict[str, Estimate]:
        """f1 and accuracy, means over families."""
        right = (predicted == self.labels).astype(np.float64)
        points = macro(self.labels, predicted, self.families)
        hits, called = self._by_family(self.labels, right), self._by_family(predicted, np.ones(len(predicted)))
        drawn = f1_of_counts(hits, called, self.known).mean(axis=1), (hits / self.known).mean(axis=1)
        n = len(self.labels)
        return {name: Estimate(points[name], own, n) for name, own in zip(("f1", "accuracy"), drawn, strict=True)}

    def by_family(self, predicted: Integers) -> Floats:
        """(families,): the share of the test sequences of each that are right; every family has some."""
        right = np.bincount(self.labels[predicted == self.labels], minlength=self.families)
        return np.asarray(right / np.bincount(self.labels, minlength=self.families))

    def _by_family(self, family: Integers, value: Floats) -> Floats:
        shape = self.families, len(family)
        member = scipy.sparse.csr_array((value, (family, np.arange(len(family)))), shape=shape)
        return np.asarray((member @ self.weights.T).T)


def macro(labels: Integers, predicted: Integers, families: int) -> dict[str, float]:
    """F1 and accuracy, means over families."""
    hits = np.bincount(labels[predicted == labels], minlength=families)
    known, called = (np.bincount(own, minlength=families) for own in (labels, predicted))
    shares = hits[known > 0] / known[known > 0]
    return {"f1": float(f1_of_counts(hits, called, known).mean()), "accuracy": float(shares.mean())}


def over_seeds(found: list[Estimate]) -> Estimate:
    """Mean over seeds, with draws over both."""
    if len(found) == 1:
        return found[0]
    return nested_estimate(np.stack([own.draws for own in found]), [own.value for own in found], found[0].n)
