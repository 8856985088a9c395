"""The floors, each worked out a second way."""

from __future__ import annotations

from collections import Counter
from math import log

import pytest

from tasks.fitness.data import prepare
from tasks.fitness.floors import FLOORS
from tasks.fitness.settings import FitnessSettings
from tests.tasks.fitness.planted import PlantedModel, scan
from tests.tasks.fitness.test_scores import WILD_TYPE, assay_of, variants


def test_counts_and_gc_content() -> None:
    assay = assay_of(variants(1, 10) | variants(3, 10))
    for row, sequence in enumerate(assay.sequences):
        differing = sum(a != b for a, b in zip(sequence, WILD_TYPE, strict=True))
        assert FLOORS["mutation-count"](assay)[row] == -differing
        share = sum(letter in "GC" for letter in sequence) / len(sequence)
        assert FLOORS["gc-content"](assay)[row] == pytest.approx(share)


def test_markov_chain() -> None:
    assay = assay_of(variants(2))
    triples = Counter(WILD_TYPE[i : i + 3] for i in range(len(WILD_TYPE) - 2))
    pairs = Counter(WILD_TYPE[i : i + 2] for i in range(len(WILD_TYPE) - 2))

    def likelihood(sequence: str) -> float:
        total = 0.0
        for i in range(2, len(sequence)):
            total += log((triples[sequence[i - 2 : i + 1]] + 1) / (pairs[sequence[i - 2 : i]] + 4))
        return total

    expected = [likelihood(sequence) - likelihood(WILD_TYPE) for sequence in assay.sequences]
    assert FLOORS["markov-3mer"](assay).tolist() == pytest.approx(expected)


def test_markov_chain_passes_over_unknown_letters() -> None:
    wild_type = "NACGUACGUACGU"
    sequences = {wild_type[:i] + "G" + wild_type[i + 1 :]: float(i) for i in range(1, 13) if wild_type[i] != "G"}
    assay = prepare(scan(sequences | {wild_type[:-1] + "A": 0.1}, wild_type), PlantedModel(), FitnessSettings()).assays[
        0
    ]
    assert (FLOORS["markov-3mer"](assay) < 0).all()
