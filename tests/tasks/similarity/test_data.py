"""Which RNAs and nucleotides are compared."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from harness.errors import NotApplicable
from tasks.similarity.data import places, prepare
from tasks.similarity.settings import SimilaritySettings
from tests.tasks.similarity.planted import dataset


def test_one_rna_of_each_family_and_as_many_nucleotides_of_each() -> None:
    sample = prepare(dataset(), SimilaritySettings())
    assert sorted(record.family or "" for record in sample.records) == sorted(f"F{n}" for n in range(24))
    assert sample.positions.shape == (24, 16) and sample.units == "families"
    assert sample.skipped == {"sequences under 16 known nucleotides": 1, "further members of families": 1}
    for record, own in zip(sample.records, sample.positions, strict=True):
        assert len(set(own.tolist())) == 16
        np.testing.assert_array_equal(own, places(record, 16))
    # the order says nothing about the place
    assert abs(np.corrcoef(sample.positions.ravel(), np.tile(np.arange(16), 24))[0, 1]) < 0.15


def test_unknown_letters_are_left_out() -> None:
    data = dataset()
    masked = data.subset(replace(r, sequence="N" * 9 + r.sequence[9:]) for r in data.records if len(r.sequence) > 20)
    assert prepare(masked, SimilaritySettings()).positions.min() >= 9


def test_where_families_are_few_clusters_are_the_units() -> None:
    data = dataset()
    two = data.subset(replace(record, family="F" + record.id[-1:]) for record in data.records)
    assert prepare(two, SimilaritySettings()).units.startswith("clusters")
    assert len(prepare(two, SimilaritySettings()).records) == 25


def test_a_limit_takes_rnas_and_too_few_are_refused_in_one_line() -> None:
    sample = prepare(dataset(), SimilaritySettings(limit=8))
    assert len(sample.records) == 8 and sample.skipped["RNAs beyond --limit"] == 16
    with pytest.raises(NotApplicable, match=r"has 5 unrelated RNAs of 16 known nucleotides; 6 are needed") as error:
        prepare(dataset(), SimilaritySettings(limit=5))
    assert "\n" not in str(error.value)
