"""Pair lift against loops over pairs of positions, and features whose lift is known."""

from __future__ import annotations

import numpy as np
import pytest

from tasks.sae_structure.nucleotides import Nucleotides
from tasks.sae_structure.partners import pair_lift
from tests.tasks.sae_structure.planted import planted_dataset

NUCLEOTIDES = Nucleotides.of([record for record in planted_dataset().records if record.split == "test"])
RNAS = np.arange(len(NUCLEOTIDES.records))
GENERATOR = np.random.default_rng(0)
ROWS = len(NUCLEOTIDES.rna)


def slow(active: np.ndarray, rnas: np.ndarray) -> float:
    """Pairs of rows one by one."""
    found: dict[tuple[bool, int], list[bool]] = {}
    for index in rnas:
        rows = range(*NUCLEOTIDES.starts[index : index + 2])
        for a in rows:
            for b in rows:
                if a != b and active[a]:
                    distance = abs(int(NUCLEOTIDES.position[a] - NUCLEOTIDES.position[b]))
                    found.setdefault((NUCLEOTIDES.partner[a] == b, distance), []).append(bool(active[b]))
    paired = {distance: own for (pairs, distance), own in found.items() if pairs}
    expected = sum(len(own) * np.mean(found.get((False, distance), [0])) for distance, own in paired.items())
    return sum(map(sum, paired.values())) / expected


def lift(active: np.ndarray) -> float:
    return float(pair_lift(active, NUCLEOTIDES, RNAS).value(np.ones((1, len(RNAS))))[0])


@pytest.mark.parametrize("share", [0.2, 0.6])
def test_same_as_pairs_one_by_one(share: float) -> None:
    active = (GENERATOR.random(ROWS) < share) | (NUCLEOTIDES.partner % 3 == 0)
    some = RNAS[::3]
    counts = pair_lift(active, NUCLEOTIDES, some)
    twice = np.concatenate([some, some[:1]])
    weights = np.array([np.ones(len(some)), np.append(2, np.ones(len(some) - 1))])
    assert counts.value(weights) == pytest.approx([slow(active, some), slow(active, twice)])


def test_what_does_not_know_of_pairs_has_a_lift_of_one() -> None:
    assert np.mean([lift(GENERATOR.random(ROWS) < 0.3) for _ in range(20)]) == pytest.approx(1, abs=0.05)
    assert lift(np.ones(ROWS, dtype=bool)) == 1
    assert lift(NUCLEOTIDES.base == 1) == pytest.approx(1, abs=0.3)  # letters are random here


def test_a_stem_detector_has_more_and_one_that_marks_single_pairs_far_more() -> None:
    stem = NUCLEOTIDES.partner >= 0
    assert lift(stem) > 1.2
    number = np.minimum(np.arange(ROWS), NUCLEOTIDES.partner)
    assert lift(stem & (GENERATOR.random(ROWS)[number] < 0.1)) > 5


def test_nothing_active_has_no_lift() -> None:
    assert np.isnan(lift(np.zeros(ROWS, dtype=bool)))
