from __future__ import annotations

import networkx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.datasets.records import Record
from tasks.structure.counts import THRESHOLDS
from tasks.structure.data import Rna
from tasks.structure.decoding import PAIRS_PER_NUCLEOTIDE, candidates, choose_threshold, is_canonical, match
from tests.tasks.structure.planted import hairpin
from tests.tasks.structure.slow import pairs_of

CANONICAL = {frozenset("AU"), frozenset("GC"), frozenset("GU")}


def allowed(sequence: str) -> list[int]:
    pairs = pairs_of(len(sequence))
    return [k for k, (i, j) in enumerate(pairs) if frozenset(sequence[i] + sequence[j]) in CANONICAL and j - i > 3]


@given(st.text("ACGUN", min_size=2, max_size=16), st.integers(0, 2**32 - 1), st.sampled_from([0.0, 0.3, 0.7]))
def test_matching_is_that_of_a_general_graph(sequence: str, seed: int, threshold: float) -> None:
    pairs = pairs_of(len(sequence))
    scores = np.random.default_rng(seed).random(len(pairs), dtype=np.float32)
    chosen = match(scores, sequence, threshold)
    assert candidates(sequence).tolist() == allowed(sequence)
    edges = [k for k in allowed(sequence) if scores[k] >= np.float32(threshold)]
    assert set(chosen.tolist()) <= set(edges)
    ends = [position for k in chosen for position in pairs[k]]
    assert len(ends) == len(set(ends))
    graph = networkx.Graph()
    graph.add_weighted_edges_from((*pairs[k], float(scores[k])) for k in edges)
    best = networkx.max_weight_matching(graph)
    weight = sum(graph[i][j]["weight"] for i, j in best)
    assert float(scores[chosen].astype(np.float64).sum()) == pytest.approx(weight)


def test_canonical_pairs_either_way_round() -> None:
    letters = "ACGUN"
    for first in letters:
        for second in letters:
            assert bool(is_canonical(first + second)[0]) == (frozenset(first + second) in CANONICAL)


def test_nothing_to_match() -> None:
    assert len(match(np.zeros(0, np.float32), "A", 0.0)) == 0
    assert len(match(np.ones(6, np.float32), "GAAC", 0.0)) == 0
    assert len(match(np.zeros(10, np.float32), "GAAAC", 0.0)) == 0


def test_the_threshold_is_the_best_of_those_tried() -> None:
    rnas, scores = [], []
    for seed in range(4):
        sequence, pairs = hairpin(seed)
        rna = Rna(Record(str(seed), sequence, pairs=pairs))
        own = np.random.default_rng(seed).random(rna.pairs, dtype=np.float32) * np.float32(0.6)
        own[rna.known] += np.float32(0.35)
        rnas.append(rna)
        scores.append(own)

    def value(threshold: float) -> float:
        hits = predicted = known = 0
        for rna, own in zip(rnas, scores, strict=True):
            chosen, truth = set(match(own, rna.sequence, threshold).tolist()), set(rna.known.tolist())
            hits, predicted, known = hits + len(chosen & truth), predicted + len(chosen), known + len(truth)
        return 2 * hits / (predicted + known)

    found = choose_threshold(rnas, scores)
    assert np.float32(found) in THRESHOLDS
    nucleotides = sum(rna.length for rna in rnas)
    every = np.concatenate([own[candidates(rna.sequence)] for rna, own in zip(rnas, scores, strict=True)])
    tried = {
        min(range(1001), key=lambda s: (abs((every >= THRESHOLDS[s]).sum() - density * nucleotides), s))
        for density in PAIRS_PER_NUCLEOTIDE
    }
    values = {float(THRESHOLDS[step]): value(float(THRESHOLDS[step])) for step in sorted(tried)}
    assert found == max(values, key=lambda threshold: (values[threshold], -threshold))
    assert value(found) > value(0.0)
