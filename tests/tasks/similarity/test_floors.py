"""Representations that need no model, letter by letter."""

from __future__ import annotations

import numpy as np

from tasks.similarity.floors import FLOORS, kmers_around, letters, letters_around

SEQUENCE = "GACUNAGGCAUUACGGAUCUAGCAGCUAUCAGGACUACGACU"


def test_letters_and_those_around_them() -> None:
    assert letters("GN").tolist() == [[0, 0, 1, 0], [0, 0, 0, 0]]
    around = letters_around("GAC").reshape(3, 5, 4)
    for place in range(3):
        for offset in range(-2, 3):
            inside = 0 <= place + offset < 3
            expected = letters("GAC"[place + offset])[0] if inside else np.zeros(4)
            np.testing.assert_array_equal(around[place, offset + 2], expected)


def test_kmers_around_are_counted() -> None:
    found = kmers_around(SEQUENCE)
    for place in range(len(SEQUENCE)):
        counts = np.zeros(64)
        for start in range(max(0, place - 15), min(place + 15, len(SEQUENCE) - 3) + 1):
            kmer = SEQUENCE[start : start + 3]
            if "N" not in kmer:
                counts[sum("ACGU".index(letter) * 4 ** (2 - at) for at, letter in enumerate(kmer))] += 1
        np.testing.assert_array_equal(found[place], counts)


def test_every_floor_has_a_row_for_every_nucleotide_of_any_sequence() -> None:
    for sequence in ("A", "NN", SEQUENCE):
        for features in FLOORS.values():
            found = features(sequence)
            assert len(found) == len(sequence) and np.isfinite(found).all()
