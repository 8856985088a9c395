from __future__ import annotations

from collections.abc import Callable
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


def slow_wins(rna: Rna, scores: Scores, inside_one_token: Callable[[int, int], bool]) -> tuple[float, int]:
    """Every pair against every non-pair of the same cell, one comparison at a time."""
    truth = set(rna.record.pairs or ())
    items = [
        (cell_of(rna, i, j), (i, j) in truth, float(own))
        for (i, j), own in zip(pairs_of(rna.length), scores, strict=True)
        if not inside_one_token(i, j)
    ]
    won, pairs = 0.0, 0
    for cell, known, score in items:
        against = [other for where, also, other in items if known and where == cell and not also]
        if against:
            won += sum((score > other) + 0.5 * (score == other) for other in against) / len(against)
            pairs += 1
    return won, pairs


@pytest.mark.parametrize("width", [1, 4])
def test_wins_are_those_of_plain_comparisons_of_pairs_that_a_model_can_tell_apart(width: int) -> None:
    generator = np.random.default_rng(0)
    for rna in random_rnas():
        scores = np.round(generator.random(rna.pairs), 1).astype(np.float32)
        if width > 1:
            rna = Rna(rna.record, np.arange(rna.length) // width)
        won, pairs = slow_wins(rna, scores, lambda i, j: i // width == j // width)
        found = wins(rna, scores)
        assert found[0] == pytest.approx(won, abs=1e-9) and found[1] == pairs
        assert pairs > 0 or not rna.record.pairs


def test_an_rna_with_larger_scores_throughout_changes_nothing() -> None:
    generator = np.random.default_rng(1)
    for rna in random_rnas():
        scores = generator.random(rna.pairs, dtype=np.float32)
        assert wins(rna, scores) == wins(rna, scores / 2) == wins(rna, scores + 3)


def test_what_depends_on_bases_and_distance_bins_alone_scores_exactly_one_half_and_truth_one() -> None:
    names = {name: k for k, name in enumerate(map("".join, product("ACGUN", repeat=2)))}
    for rna in random_rnas()[:4]:
        places = pairs_of(rna.length)
        prior = [PRIOR.get(frozenset(rna.sequence[i] + rna.sequence[j]), 0.0) for i, j in places]
        explained = [5 * names[cell_of(rna, i, j)[0]] + cell_of(rna, i, j)[1] for i, j in places]
        for scores in (prior, explained):
            won, pairs = wins(rna, np.array(scores, dtype=np.float32))
            assert pairs > 0 and won == pairs / 2
        won, pairs = wins(rna, np.isin(np.arange(rna.pairs), rna.known).astype(np.float32))
        assert won == pairs
