"""Dinucleotides are kept, and every sequence that keeps them is as likely as any other."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise, permutations

import numpy as np
import pytest
from scipy.stats import chisquare

from harness.sequences.shuffle import dinucleotide_shuffle


@pytest.mark.parametrize("length", [0, 1, 2, 3, 10, 300])
def test_dinucleotides_and_ends_are_kept(length: int) -> None:
    generator = np.random.default_rng(length)
    for letters in ("ACGU", "ACGUN", "AC"):
        sequence = "".join(generator.choice(list(letters), length))
        shuffled = dinucleotide_shuffle(sequence, generator)
        assert Counter(pairwise(shuffled)) == Counter(pairwise(sequence)) and len(shuffled) == length
        assert shuffled[:1] == sequence[:1] and shuffled[-1:] == sequence[-1:]
    assert length < 300 or shuffled != sequence


@pytest.mark.parametrize("sequence", ["AACGAGCAC", "ACGUACGGA"])
def test_all_are_equally_likely(sequence: str) -> None:
    counts = Counter(pairwise(sequence))
    possible = {"".join(p) for p in permutations(sequence) if Counter(pairwise(p)) == counts}
    generator = np.random.default_rng(0)
    found = Counter(dinucleotide_shuffle(sequence, generator) for _ in range(3000))
    assert set(found) == possible and len(possible) > 3
    assert chisquare(list(found.values())).pvalue > 0.001
