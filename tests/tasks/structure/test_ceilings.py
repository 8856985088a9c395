from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from harness.datasets.records import Record
from tasks.structure.ceilings import canonical_pairs, is_pseudoknotted, one_partner_pairs
from tasks.structure.data import Rna

SEQUENCE = "GGAACUUNCC"


def rna(*pairs: tuple[int, int]) -> Rna:
    return Rna(Record("x", SEQUENCE, pairs=tuple(sorted(pairs))))


def brute(pairs: tuple[tuple[int, int], ...]) -> int:
    for size in range(len(pairs), 0, -1):
        for part in combinations(pairs, size):
            if len({position for pair in part for position in pair}) == 2 * size:
                return size
    return 0


def test_pairs_inside_one_token_are_no_part_of_a_ceiling() -> None:
    pairs = ((0, 2), (1, 8), (3, 5))
    coarse = Rna(Record("x", SEQUENCE, pairs=pairs), np.arange(len(SEQUENCE)) // 3)
    assert one_partner_pairs(rna(*pairs)) == 3 and one_partner_pairs(coarse) == len(coarse.known) == 1
    assert canonical_pairs(coarse) == 1 == canonical_pairs(rna((1, 8)))


def test_one_partner_is_a_maximum_matching_also_of_odd_cycles() -> None:
    generator = np.random.default_rng(0)
    every = [(i, j) for i in range(10) for j in range(i + 1, 10)]
    for _ in range(40):
        pairs = tuple(every[k] for k in generator.choice(len(every), 7, replace=False))
        assert one_partner_pairs(rna(*pairs)) == brute(pairs)
    assert one_partner_pairs(rna((0, 4), (4, 9), (0, 9))) == 1
    assert one_partner_pairs(rna()) == 0


def test_canonical_pairs_are_counted() -> None:
    # GC, GU, AU, AC, UN
    assert canonical_pairs(rna((0, 9), (1, 5), (2, 6), (3, 4), (5, 7))) == 3
    assert canonical_pairs(rna()) == 0


@pytest.mark.parametrize(
    ("pairs", "crossing"),
    [
        ((), False),
        (((0, 9), (1, 8)), False),
        (((0, 4), (5, 9)), False),
        (((0, 5), (3, 9)), True),
        (((0, 5), (0, 9)), False),
        (((0, 5), (5, 9)), False),
    ],
)
def test_pseudoknots_are_pairs_that_cross(pairs: tuple[tuple[int, int], ...], crossing: bool) -> None:
    assert is_pseudoknotted(rna(*pairs)) is crossing
