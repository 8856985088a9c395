from __future__ import annotations

import math

import pytest
from Bio.Align import PairwiseAligner
from hypothesis import given
from hypothesis import strategies as st

from harness.sequences.pairwise import GAP_EXTEND, GAP_OPEN, MATCH, MISMATCH, SCALE, global_identity, local_alignment

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
    expected = 1 - edit_distance(first, second) / max(len(first), len(second))
    assert global_identity(first, second) == pytest.approx(expected)


@given(rna, rna)
def test_local_alignment_is_biopythons(first: str, second: str) -> None:
    aligner = PairwiseAligner(
        mode="local",
        match_score=MATCH,
        mismatch_score=MISMATCH,
        open_gap_score=-GAP_OPEN,
        extend_gap_score=-GAP_EXTEND,
    )
    expected = SCALE * aligner.score(first, second) - math.log(len(first) * len(second))
    assert local_alignment(first, second) == pytest.approx(expected)


def test_the_scale_solves_its_equation() -> None:
    assert math.exp(MATCH * SCALE) / 4 + 3 * math.exp(MISMATCH * SCALE) / 4 == pytest.approx(1, abs=1e-3)


def test_n_gains_nothing_and_long_sequences_do_not_overflow() -> None:
    assert local_alignment("NNNN", "NNNN") == -math.log(16)
    assert local_alignment("ACGUN", "ACGUN") == local_alignment("ACGUNN", "ACGUU") + math.log(30) - math.log(25)
    long = local_alignment("A" * 9000, "A" * 9000)
    assert long == pytest.approx(SCALE * MATCH * 9000 - 2 * math.log(9000))
