from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from Bio.Align import PairwiseAligner
from hypothesis import given
from hypothesis import strategies as st

from harness.adapter import ModelOptions
from model_adapters.alignment_identity import (
    GAP_EXTEND,
    GAP_OPEN,
    MATCH,
    MISMATCH,
    SCALE,
    GlobalIdentity,
    LocalAlignment,
)

rna = st.text("ACGU", min_size=1, max_size=60)


def edit_distance(first: str, second: str) -> int:
    above = list(range(len(second) + 1))
    for i, letter in enumerate(first, start=1):
        row = [i]
        for j, other in enumerate(second, start=1):
            row.append(min(above[j] + 1, row[-1] + 1, above[j - 1] + (letter != other)))
        above = row
    return above[-1]


@given(rna, rna)
def test_global_identity_is_one_less_the_edit_distance(first: str, second: str) -> None:
    (value,) = GlobalIdentity(ModelOptions()).similarity([(first, second)])
    assert value == pytest.approx(1 - edit_distance(first, second) / max(len(first), len(second)), abs=1e-6)


@given(rna, rna)
def test_local_alignment_is_biopythons(first: str, second: str) -> None:
    aligner = PairwiseAligner(
        mode="local",
        match_score=MATCH,
        mismatch_score=MISMATCH,
        open_gap_score=-GAP_OPEN,
        extend_gap_score=-GAP_EXTEND,
    )
    (value,) = LocalAlignment(ModelOptions()).similarity([(first, second)])
    assert value == pytest.approx(SCALE * aligner.score(first, second) - math.log(len(first) * len(second)), abs=1e-5)


def test_the_scale_solves_its_equation() -> None:
    assert math.exp(MATCH * SCALE) / 4 + 3 * math.exp(MISMATCH * SCALE) / 4 == pytest.approx(1, abs=1e-3)


def test_n_gains_nothing_and_long_sequences_do_not_overflow() -> None:
    local = LocalAlignment(ModelOptions())
    assert local.score("NNNN", "NNNN") == -math.log(16)
    assert local.score("ACGUN", "ACGUN") == local.score("ACGUNN", "ACGUU") + math.log(30) - math.log(25)
    assert local.score("A" * 9000, "A" * 9000) == pytest.approx(SCALE * MATCH * 9000 - 2 * math.log(9000))


@pytest.mark.parametrize("kind", [GlobalIdentity, LocalAlignment])
def test_more_mutations_are_less_alike(kind: type) -> None:
    generator = np.random.default_rng(0)
    letters = generator.choice(list("ACGU"), 120)
    versions = ["".join(letters)]
    for _ in range(6):
        letters[generator.choice(120, 12, replace=False)] = generator.choice(list("ACGU"), 12)
        versions.append("".join(letters))
    model = kind(ModelOptions())
    values = model.similarity([(versions[0], version) for version in versions])
    assert values.dtype == np.float32
    assert all(nearer > farther for nearer, farther in pairwise(values.tolist()))
    np.testing.assert_array_equal(values, model.similarity([(version, versions[0]) for version in versions]))
    assert model.card.role == "reference"
    assert len(model.similarity([])) == 0


def test_the_two_are_different_models() -> None:
    assert GlobalIdentity(ModelOptions()).identity() != LocalAlignment(ModelOptions()).identity()
