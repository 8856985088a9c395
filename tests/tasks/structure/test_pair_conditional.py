from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from harness.datasets.records import Record
from tasks.structure.data import Rna
from tasks.structure.maps import Scores
from tasks.structure.pair_conditional import wins
from tests.tasks.structure.slow import pairs_of

PRIOR = {frozenset("AU"): 2.0, frozenset("GC"): 3.0, frozenset("GU"): 0.8}


def random_rnas(count: int = 4, length: int = 34) -> list[Rna]:
    generator = np.random.default_rng(3)
    rnas = []
    for number in range(count):
        sequence = "".join(generator.choice(list("ACGUN"), length + number, p=[0.24, 0.24, 0.24, 0.24, 0.04]))
        pairs = pairs_of(len(sequence))
        chosen = sorted(generator.choice(len(pairs), 40, replace=False).tolist())
        rnas.append(Rna(Record(str(number), sequence, pairs=tuple(pairs[k] for k in chosen))))
    return [*rnas, Rna(Record("none", "ACGUACGU", pairs=())), Rna(Record("one", "A", pairs=()))]


def cell_of(rna: Rna, i: int, j: int) -> tuple[str, int]:
    distance = j - i
    where = [
        k for k, (low, high) in enumerate(((1, 3), (4, 7), (8, 15), (16, 23), (24, 10**9))) if low <= distance <= high
    ]
    return "".join(sorted(rna.sequence[i] + rna.sequence[j])), where[0]


def slow_auroc(rnas: list[Rna], scores: list[Scores], weights: list[int], within: bool = False) -> float:
    """Every pair against every non-pair of the same cell, one comparison at a time."""
    items: list[tuple[int, tuple[str, int], bool, float]] = []
    for number, (rna, own) in enumerate(zip(rnas, scores, strict=True)):
        truth = set(rna.record.pairs or ())
        for k, (i, j) in enumerate(pairs_of(rna.length)):
            items.append((number, cell_of(rna, i, j), (i, j) in truth, float(own[k])))
    won = compared = 0.0
    negatives: dict[tuple[str, int], list[tuple[int, float]]] = {}
    for number, cell, known, score in items:
        if not known:
            negatives.setdefault(cell, []).append((number, score))
    for number, cell, known, score in items:
        if known:
            for other, against in negatives.get(cell, []):
                if other == number or not within:
                    weight = weights[number] * weights[other]
                    won += weight * ((score > against) + 0.5 * (score == against))
                    compared += weight
    return won / compared


def test_wins_are_those_of_plain_comparisons_under_any_weights() -> None:
    rnas = random_rnas()
    generator = np.random.default_rng(0)
    scores = [np.round(generator.random(rna.pairs), 1).astype(np.float32) for rna in rnas]
    beaten, compared = wins(rnas, scores)
    assert beaten.sum() / compared.sum() == pytest.approx(slow_auroc(rnas, scores, [1] * len(rnas)), abs=1e-12)
    weights = [2, 0, 1, 3, 1, 1]
    both = np.outer(weights, weights)
    expected = slow_auroc(rnas, scores, weights)
    assert (both * beaten).sum() / (both * compared).sum() == pytest.approx(expected, abs=1e-12)
    within = slow_auroc(rnas, scores, [1] * len(rnas), within=True)
    assert np.trace(beaten) / np.trace(compared) == pytest.approx(within, abs=1e-12)
    assert (beaten[:, 5] == 0).all() and (compared[4:] == 0).all()


def test_pairs_inside_one_token_are_compared_with_nothing() -> None:
    fine = random_rnas()
    coarse = [Rna(rna.record, np.arange(rna.length) // 4) for rna in fine]
    generator = np.random.default_rng(0)
    scores = [generator.random(rna.pairs, dtype=np.float32) for rna in fine]
    beaten, compared = wins(coarse, scores)
    won = faced = 0.0
    items = [
        (cell_of(rna, i, j), (i, j) in set(rna.record.pairs or ()), float(own[k]))
        for rna, own in zip(fine, scores, strict=True)
        for k, (i, j) in enumerate(pairs_of(rna.length))
        if i // 4 != j // 4
    ]
    for cell, known, score in items:
        for other, also, against in items if known else ():
            if cell == other and not also:
                won, faced = won + (score > against) + 0.5 * (score == against), faced + 1
    assert (beaten.sum(), compared.sum()) == (won, faced)
    assert compared.sum() < wins(fine, scores)[1].sum()


def test_the_raw_pairing_prior_scores_exactly_one_half() -> None:
    rnas = random_rnas()
    scores = []
    for rna in rnas:
        weights = [PRIOR.get(frozenset(rna.sequence[i] + rna.sequence[j]), 0.0) for i, j in pairs_of(rna.length)]
        scores.append(np.array(weights, dtype=np.float32))
    beaten, compared = wins(rnas, scores)
    assert compared.sum() > 0 and beaten.sum() / compared.sum() == 0.5
    assert np.trace(beaten) / np.trace(compared) == 0.5


def test_bases_and_distance_bins_alone_score_one_half_and_truth_scores_one() -> None:
    rnas = random_rnas()
    names = {name: k for k, name in enumerate(map("".join, product("ACGUN", repeat=2)))}
    explained = [
        np.array(
            [5 * names[cell_of(rna, i, j)[0]] + cell_of(rna, i, j)[1] for i, j in pairs_of(rna.length)], np.float32
        )
        for rna in rnas
    ]
    beaten, compared = wins(rnas, explained)
    assert beaten.sum() / compared.sum() == 0.5
    truth = [np.isin(np.arange(rna.pairs), rna.known).astype(np.float32) for rna in rnas]
    beaten, compared = wins(rnas, truth)
    assert (beaten == compared).all()
