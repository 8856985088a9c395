"""What mutations do to base pairs, on the embedded set, where it is known."""

from __future__ import annotations

from collections import Counter
from itertools import product

import numpy as np
import pytest

from harness.datasets.resolve import load_dataset
from tasks.fitness.data import Assay, prepare
from tasks.fitness.pairing import COMPENSATED, DISRUPTED, LOOP, OTHER, comparisons, kinds, pairing_auroc
from tasks.fitness.settings import FitnessSettings
from tests.tasks.fitness.planted import PlantedModel, scan


@pytest.fixture(scope="module")
def assays() -> tuple[Assay, ...]:
    return prepare(load_dataset("hairpin-scans"), PlantedModel(), FitnessSettings()).assays


def test_kinds_of_the_embedded_set(assays: tuple[Assay, ...]) -> None:
    for assay in assays:
        found = Counter(zip(kinds(assay), assay.counts.tolist(), strict=True))
        expected = {(DISRUPTED, 1), (DISRUPTED, 2), (COMPENSATED, 2), (LOOP, 1), (LOOP, 2)}
        assert found == dict.fromkeys(expected, 24)
        marked = np.array(kinds(assay))
        # a broken pair costs 1, all else 0.1 at most, and noise 0.1
        assert assay.measured[marked == DISRUPTED].max() < -0.85 < -0.25 < assay.measured[marked != DISRUPTED].min()


def test_wobbles_and_mixtures() -> None:
    wild_type, pairs = "GGCAAAAGUC", ((0, 9), (1, 8), (2, 7))
    expected = {
        "AGCAAAAGUC": DISRUPTED,  # A-C
        "AGCAAAAGUU": COMPENSATED,  # A-U
        "GGCAAAAGUU": OTHER,  # G-U keeps the pair
        "GACAAAAGUC": OTHER,  # G-U to A-U, by one mutation
        "GGCAUAAGUC": LOOP,
        "AGCAUAAGUU": COMPENSATED,  # and a loop
        "CGCAAAAGAG": DISRUPTED,  # one pair swapped, the next broken
    }
    filler = {wild_type[:i] + "C" + wild_type[i + 1 :]: 0.5 for i in (3, 4, 5, 6)}
    data = scan(dict.fromkeys(expected, 0.1) | filler, wild_type, pairs=pairs)
    [assay] = prepare(data, PlantedModel(), FitnessSettings()).assays
    assert dict(zip(assay.sequences, kinds(assay), strict=True)) == expected | dict.fromkeys(filler, LOOP)


def test_without_base_pairs_there_are_no_kinds() -> None:
    wild_type = "GGGAAAUCCC"
    data = scan(
        {wild_type[:i] + "U" + wild_type[i + 1 :]: float(i) for i in range(10) if wild_type[i] != "U"}
        | {"AGGAAAUCCC": 1.5},
        wild_type,
    )
    [assay] = prepare(data, PlantedModel(), FitnessSettings()).assays
    assert set(kinds(assay)) == {None} and np.isnan(pairing_auroc(comparisons(assay), assay.measured))


def test_wins_are_those_of_comparing_every_pair(assays: tuple[Assay, ...]) -> None:
    assay, source = assays[0], np.random.default_rng(0)
    scores = np.round(source.normal(size=len(assay.records)), 1)
    marked, won, compared = kinds(assay), 0.0, 0

    def replaced(row: int) -> list[tuple[str, str]]:
        return sorted((a, b) for a, b in zip(assay.wild_type, assay.sequences[row], strict=True) if a != b)

    for first, second in product(range(len(scores)), repeat=2):
        if (marked[first], marked[second]) == (COMPENSATED, DISRUPTED) and replaced(first) == replaced(second):
            won += 1.0 if scores[first] > scores[second] else 0.5 if scores[first] == scores[second] else 0.0
            compared += 1
    assert pairing_auroc(comparisons(assay), scores) == pytest.approx(won / compared)
    assert sum(len(first) * len(second) for first, second in comparisons(assay)) == compared > 0


def test_who_reads_letters_alone_has_a_half(assays: tuple[Assay, ...]) -> None:
    source = np.random.default_rng(1)
    values = {(a, b): source.integers(1000) for a in "ACGU" for b in "ACGU"}
    for assay in assays:
        own = np.array([sum(values[one.before, one.after] for one in mutations) for mutations in assay.mutations])
        assert pairing_auroc(comparisons(assay), own.astype(float)) == 0.5
        assert pairing_auroc(comparisons(assay), assay.measured) == 1.0
