"""Profiles and logos of planted features, and against loops."""

from __future__ import annotations

from itertools import groupby

import numpy as np
import pytest

from tasks.sae_structure.profiles import BINS, FLANK, PLACES, logo_table, meta_profile, profile_table, strongest
from tests.tasks.sae_structure.test_responses import entry
from tests.tasks.sae_structure.test_scores import NUCLEOTIDES, PART, RECORDS, STEM, UNITS

NONE = np.zeros(0)


def test_a_detector_is_active_along_its_elements_and_not_beside_them() -> None:
    profile, count = meta_profile(STEM * 1.0, STEM, PART.rna)
    assert (profile[FLANK : FLANK + BINS] == 1).all() and profile[FLANK - 1] == profile[FLANK + BINS] == 0
    assert count == sum("S" in run for r in RECORDS for run in _runs(r.loop_types or ""))


def _runs(letters: str) -> list[str]:
    return ["".join(run) for _, run in groupby(letters)]


def test_a_profile_is_a_mean_over_elements() -> None:
    rna = np.array([0] * 12 + [1] * 5)
    positive = np.array([False] * 3 + [True] * 4 + [False] * 5 + [True] * 2 + [False] * 3)
    active = np.arange(17.0)
    profile, count = meta_profile(active, positive, rna)
    assert count == 2
    expected: dict[int, list[float]] = {}
    for first, after, start, end in ((3, 7, 0, 12), (12, 14, 12, 17)):
        for number, place in enumerate(PLACES):
            row = first + place if place < 0 else after + place - BINS if place >= BINS else -1
            row = first + int((place + 0.5) * (after - first) / BINS) if 0 <= place < BINS else row
            if start <= row < end:
                expected.setdefault(number, []).append(active[row])
    for number, value in enumerate(profile):
        assert value == pytest.approx(np.mean(expected[number])) if number in expected else np.isnan(value)


def test_the_table_has_all_places_of_all_elements() -> None:
    table = profile_table([entry(STEM * 1.0, NONE), entry(STEM * 0.0, NONE)], NUCLEOTIDES, PART, 2)
    stem = table[table.element == "stem"].set_index("place").active
    assert list(stem.index) == list(PLACES) and (stem[range(BINS)] == 0.5).all()  # mean of two seeds
    assert len(table) == 5 * len(PLACES)


def test_one_activation_per_unit_the_strongest_first() -> None:
    values, units = np.array([1.0, 5, 3, 5, 2]), np.array(["a", "b", "a", "b", "c"])
    assert strongest(values, units).tolist() == [1, 2, 4]


def test_a_logo_counts_the_letters_around_the_strongest_activations() -> None:
    is_g = (NUCLEOTIDES.base == 2) * 1.0
    table = logo_table(entry(is_g, NONE), NUCLEOTIDES, PART, UNITS, 2)
    stem = table[table.element == "stem"].set_index("place")
    assert stem.loc[0, ["A", "C", "G", "U"]].tolist() == [0, 0, len(set(UNITS)), 0]
    first = {}
    for row in np.flatnonzero(is_g):
        first.setdefault(UNITS[NUCLEOTIDES.rna[row]], row)
    for offset in (-10, -1, 3):
        letters = []
        for row in first.values():
            sequence, place = RECORDS[NUCLEOTIDES.rna[row]].sequence, int(NUCLEOTIDES.position[row]) + offset
            letters += [sequence[place]] if 0 <= place < len(sequence) else []
        assert [stem.loc[offset, letter] for letter in "ACGU"] == [letters.count(letter) for letter in "ACGU"]
