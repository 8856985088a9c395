"""Layers against layers: of one model, of its random twins, and of what needs no model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from harness.statistics.bootstrap import Estimate, Interval, nested_estimate
from harness.storage.kept import Arrays
from tasks.similarity.cka import Floats, Kernel, States, cka
from tasks.similarity.letters import Letters, less_letters
from tasks.similarity.neighbours import neighbourhoods, shared_neighbours
from tasks.similarity.states import MEANS, NUCLEOTIDES, key

CKA, LESS_LETTERS, NEIGHBOURS = "cka", "cka_less_letters", "neighbours"
MEASURES = (CKA, LESS_LETTERS, NEIGHBOURS)
PERMUTATIONS = 100


@dataclass(frozen=True)
class View:
    """One layer, ready to be compared: kernels by measure; ``near`` is None where neighbours are not asked for."""

    kernels: Mapping[str, Kernel]
    near: NDArray[np.float32] | None


@dataclass(frozen=True)
class Comparer:
    """Compares layers on the items of one unit: ``each`` of every RNA, with (draws, RNAs) ``weights``.

    ``count`` nearest neighbours are compared, and states less the mean of each of ``letters``; None leaves either out.
    """

    unit: str
    each: int
    count: int | None
    letters: Letters | None
    weights: Floats

    def view(self, arrays: Arrays, layer: int) -> View:
        states: States = arrays[key(self.unit, layer)]
        near = None if self.count is None else neighbourhoods(states, self.each, self.count)
        kernels = {CKA: Kernel.of(states, self.each)}
        if self.letters is not None:
            kernels[LESS_LETTERS] = Kernel.of(less_letters(states, self.letters), self.each)
        return View(kernels, near)

    def views(self, arrays: Arrays, layers: Sequence[int]) -> dict[int, View]:
        return {layer: self.view(arrays, layer) for layer in layers}

    def compare(self, first: View, second: View) -> dict[str, Estimate]:
        """Every measure."""
        found = {name: cka(own, second.kernels[name], self.weights) for name, own in first.kernels.items()}
        if self.count is not None and first.near is not None and second.near is not None:
            found[NEIGHBOURS] = shared_neighbours(first.near, second.near, self.each, self.count, self.weights)
        return found

    def permuted(self, first: View, second: View) -> dict[str, Interval]:
        """Means and 95 % ranges when the RNAs of one side are those of the other in random order."""
        generator = np.random.default_rng(0)
        rnas = first.kernels[CKA].sums.shape[1]
        found: dict[str, list[float]] = {}
        once = replace(self, weights=np.ones((1, rnas)))
        for _ in range(PERMUTATIONS):
            order = generator.permutation(rnas)
            rows = (order[:, None] * self.each + np.arange(self.each)).ravel()
            near = None if second.near is None else second.near[np.ix_(rows, rows)]
            kernels = {name: own.of_rnas(order) for name, own in second.kernels.items()}
            for name, own in once.compare(first, View(kernels, near)).items():
                found.setdefault(name, []).append(own.value)
        ranges = {name: np.percentile(values, [2.5, 97.5]).tolist() for name, values in found.items()}
        return {
            name: Interval(float(np.mean(values)), ranges[name][0], ranges[name][1], rnas)
            for name, values in found.items()
        }


def comparers(each: int, count: int, letters: Letters, weights: Floats) -> tuple[Comparer, Comparer]:
    """Of nucleotides, whose ``letters`` are known, and of means over RNAs."""
    most = max(1, min(count, (weights.shape[1] - 1) * each))
    return Comparer(NUCLEOTIDES, each, most, letters, weights), Comparer(MEANS, 1, None, None, weights)


def maps(
    comparer: Comparer, first: Mapping[int, View], second: Mapping[int, View]
) -> dict[tuple[int, int], dict[str, Estimate]]:
    """Every layer of one with every layer of the other; of a model with itself, each pair is computed once."""
    found: dict[tuple[int, int], dict[str, Estimate]] = {}
    for one, left in first.items():
        for other, right in second.items():
            mirrored = found.get((other, one)) if first is second else None
            found[one, other] = mirrored or comparer.compare(left, right)
    return found


@dataclass(frozen=True)
class WithTwins:
    """One measure of a model and its random twins, at one layer or averaged over some.

    ``own`` (twins, 1 + draws) is the model with each twin, ``between`` (twins, twins, 1 + draws) the twins with each
    other, the value before its draws.
    """

    own: Floats
    between: Floats
    rnas: int

    def with_twins(self) -> Estimate:
        """Mean over twins of the model with each."""
        return self._estimate(self.own)

    def between_twins(self) -> Estimate:
        """Mean over twins of each with the others."""
        return self._estimate(self._others())

    def change(self) -> Estimate:
        """How much less the model is like its twins than these are like each other."""
        return self._estimate(self._others() - self.own)

    def change_of_a_twin(self) -> Estimate | None:
        """The same of each twin in the place of the model, which is 0 on average; None of two twins."""
        twins = len(self.own)
        if twins < 3:
            return None
        others = self._others()
        # the mean over the pairs that are left: all less those of the twin
        without = (others.sum(axis=0) - 2 * others) / (twins - 2)
        return self._estimate(without - others)

    def _others(self) -> Floats:
        """(twins, 1 + draws): the mean of each twin with the others."""
        twins = len(self.own)
        apart = ~np.eye(twins, dtype=bool)
        return np.stack([self.between[twin][apart[twin]].mean(axis=0) for twin in range(twins)])

    def _estimate(self, values: Floats) -> Estimate:
        return nested_estimate(values[:, 1:], values[:, 0], self.rnas)


def with_twins(comparer: Comparer, own: Arrays, twins: Sequence[Arrays], layer: int) -> dict[str, WithTwins]:
    """Every measure at one layer."""
    model = comparer.view(own, layer)
    views = [comparer.view(twin, layer) for twin in twins]
    rnas, columns = comparer.weights.shape[1], 1 + len(comparer.weights)
    found: dict[str, WithTwins] = {}
    for place, view in enumerate(views):
        for name, estimate in comparer.compare(model, view).items():
            empty = WithTwins(np.empty((len(twins), columns)), np.full((len(twins), len(twins), columns), np.nan), rnas)
            found.setdefault(name, empty).own[place] = _row(estimate)
        for other in range(place):
            for name, estimate in comparer.compare(view, views[other]).items():
                found[name].between[place, other] = found[name].between[other, place] = _row(estimate)
    return found


def mean_over_layers(parts: Sequence[WithTwins]) -> WithTwins:
    return WithTwins(
        np.mean([part.own for part in parts], axis=0), np.mean([part.between for part in parts], axis=0), parts[0].rnas
    )


def _row(estimate: Estimate) -> Floats:
    return np.concatenate([[estimate.value], estimate.draws])
