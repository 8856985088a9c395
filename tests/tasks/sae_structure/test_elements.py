"""Elements and runs matched by networkx, one to one, and the cases that a simple count gets wrong."""

from __future__ import annotations

import networkx
import numpy as np
import pytest

from tasks.sae_structure.elements import element_counts, element_f1, runs


def slow_runs(marked: np.ndarray, rna: np.ndarray) -> list[list[int]]:
    found: list[list[int]] = []
    for row, mark in enumerate(marked):
        if mark and found and found[-1][-1] == row - 1 and rna[row - 1] == rna[row]:
            found[-1].append(row)
        elif mark:
            found.append([row])
    return found


@pytest.mark.parametrize("seed", range(20))
def test_same_as_a_maximum_matching(seed: int) -> None:
    generator = np.random.default_rng(seed)
    rna = np.repeat([0, 1, 2], [40, 3, 30])
    called, positive = (np.repeat(generator.random(73) < 0.5, generator.integers(1, 5, 73))[:73] for _ in range(2))
    elements, active = slow_runs(positive, rna), slow_runs(called, rna)
    assert [[a, b - 1] for a, b in runs(called, rna).tolist()] == [[own[0], own[-1]] for own in active]
    counts = element_counts(called, positive, rna, 3)
    for number in range(3):
        own = [e for e in elements if rna[e[0]] == number]
        mine = [a for a in active if rna[a[0]] == number]
        graph = networkx.Graph()
        hit = [("element", k) for k, e in enumerate(own) if sum(called[e]) >= max(1, 0.3 * len(e))]
        graph.add_nodes_from(hit)
        graph.add_edges_from((e, ("run", k)) for e in hit for k, a in enumerate(mine) if set(own[e[1]]) & set(a))
        size = len(networkx.bipartite.maximum_matching(graph, hit)) // 2
        assert counts[number].tolist() == [size, len(mine), len(own)]


def test_a_perfect_feature_finds_all_and_an_always_on_feature_one_of_each_rna() -> None:
    rna = np.repeat([0, 1], 20)
    positive = np.tile([True, True, False, False], 10)
    perfect = element_counts(positive, positive, rna, 2)
    assert element_f1(perfect.sum(axis=0)) == 1
    always = element_counts(np.ones(40, dtype=bool), positive, rna, 2)
    assert always.tolist() == [[1, 1, 5], [1, 1, 5]]
    assert element_counts(np.zeros(40, dtype=bool), positive, rna, 2).tolist() == [[0, 0, 5], [0, 0, 5]]


def test_a_third_of_an_element_is_enough_and_less_is_not() -> None:
    rna, positive = np.zeros(12, dtype=int), np.arange(12) < 10
    for active, found in ((3, 1), (2, 0)):
        assert element_counts(np.arange(12) < active, positive, rna, 1)[0, 0] == found
