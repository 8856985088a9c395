"""Which variants are scored, and what is refused in one line."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from harness.datasets.records import Dataset, Record, Variant
from harness.datasets.resolve import load_dataset
from harness.errors import NotApplicable
from tasks.fitness.data import prepare
from tasks.fitness.settings import FitnessSettings
from tests.tasks.fitness.planted import PlantedModel, scan
from tests.tasks.fitness.test_scores import WILD_TYPE, variants

GOOD = variants(2)


def with_records(data: Dataset, *sequences: str) -> Dataset:
    further = [
        Record(f"further/{number}", sequence, family="a", variant=Variant(WILD_TYPE, 0.0))
        for number, sequence in enumerate(sequences)
    ]
    return data.subset([*data.records, *further])


def test_what_cannot_be_scored_is_counted() -> None:
    data = with_records(scan(GOOD, WILD_TYPE), WILD_TYPE, WILD_TYPE + "A", "N" + WILD_TYPE[1:], "A" * 60)
    bare = replace(data.records[0], id="bare", variant=None)
    found = prepare(data.subset([*data.records, bare]), PlantedModel(), FitnessSettings(longest=50))
    assert found.skipped == {
        "wild types": 1,
        "variants with insertions or deletions": 1,
        "variants with an unknown letter among their mutations": 1,
        "sequences over 50 nt": 1,
        "sequences without a measured fitness": 1,
    }
    [assay] = found.assays
    assert set(assay.sequences) == set(GOOD) and assay.wild_type == WILD_TYPE
    assert assay.measured.tolist() == [GOOD[sequence] for sequence in assay.sequences]


def test_the_limit_is_for_every_assay() -> None:
    data = load_dataset("hairpin-scans")
    found = prepare(data, PlantedModel(), FitnessSettings(limit=15))
    assert [len(assay.records) for assay in found.assays] == [15] * 6
    assert found.skipped == {"variants beyond --limit of their assay": 6 * 105}
    # the same ones whatever else there is
    alone = data.subset(record for record in data.records if record.family == "hairpin-2")
    assert prepare(alone, PlantedModel(), FitnessSettings(limit=15)).assays[0].records == found.assays[1].records


def test_assays_that_say_nothing_are_left_out() -> None:
    small, flat = dict(list(GOOD.items())[:9]), dict.fromkeys(GOOD, 1.0)
    parts = [scan(GOOD, WILD_TYPE), scan(small, WILD_TYPE, "small"), scan(flat, WILD_TYPE, "flat")]
    data = parts[0].subset([record for part in parts for record in part.records])
    found = prepare(data, PlantedModel(), FitnessSettings())
    assert [assay.name for assay in found.assays] == ["a"]
    assert found.skipped == {
        "variants of assays with fewer than 10": 9,
        "variants of assays in which all have the same score": 20,
    }
    with pytest.raises(NotApplicable, match="has no assay of 10 variants with different scores"):
        prepare(parts[1], PlantedModel(), FitnessSettings())


def test_nothing_measured_is_refused_with_what_to_do() -> None:
    with pytest.raises(
        NotApplicable, match=r"rfam-profiles has no measured variants: .*--dataset hairpin-scans"
    ) as error:
        prepare(load_dataset("rfam-profiles"), PlantedModel(), FitnessSettings())
    assert "\n" not in str(error.value)


def test_tokens_of_several_nucleotides_are_refused() -> None:
    class Coarse(PlantedModel):
        def token_of(self, sequence: str) -> np.ndarray:
            return np.arange(len(sequence)) // 3

    model = Coarse(tokenisation="codon")
    with pytest.raises(NotApplicable, match=r"planted reads several nucleotides as one token \(codon\)") as error:
        prepare(scan(GOOD, WILD_TYPE), model, FitnessSettings())
    assert "\n" not in str(error.value)


def test_lengths_that_the_model_refuses_are_named() -> None:
    with pytest.raises(NotApplicable, match="20 left out: sequences over 10 nt"):
        prepare(scan(GOOD, WILD_TYPE), PlantedModel(), FitnessSettings(longest=10))
