"""Planted tract features are flagged, others are not, and runs are those that a reader would mark."""

from __future__ import annotations

from itertools import groupby

import numpy as np
import scipy.sparse

from tasks.sae_structure.tracts import BASES, tract_of, tracts

GENERATOR = np.random.default_rng(0)
SEQUENCES = ["".join(GENERATOR.choice(list("ACGU"), 60, p=[0.2, 0.1, 0.6, 0.1])) for _ in range(8)]
SEQUENCES += ["GGGNGGGGNAAAA", "UUUUCCCUUUUUU", "ACGU"]


def test_runs_are_of_four_or_more() -> None:
    expected = []
    for sequence in SEQUENCES:
        for letter, run in groupby(sequence):
            length = len(list(run))
            if letter != "N":
                expected += [[letter == base and length >= 4 for base in BASES]] * length
    assert tracts(SEQUENCES).tolist() == expected


def test_features_of_runs_are_flagged_and_others_are_not() -> None:
    member = tracts(SEQUENCES)
    poly_g = member[:, 2]
    mixed = poly_g | (GENERATOR.random(len(poly_g)) < 0.8)
    few = poly_g & (np.cumsum(poly_g) <= 5)
    codes = np.column_stack([poly_g * 2.5, mixed, few, 0 * poly_g, member[:, 3]])
    assert tract_of(scipy.sparse.csr_array(codes), member) == ["G", "", "", "", "U"]
