"""Length and composition: numbers that anyone can count."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.sae.sources.letters import CompositionSource, LengthSource


@given(st.text("ACGUN", min_size=1, max_size=60))
def test_counts_are_the_same_at_every_nucleotide(sequence: str) -> None:
    length, composition = LengthSource(), CompositionSource()
    assert (length.encode(sequence) == np.full((len(sequence), 1), len(sequence))).all()
    shares = composition.encode(sequence)
    assert shares.shape == (len(sequence), 5) and shares.dtype == np.float32
    assert (shares == shares[0]).all()
    counts = Counter(sequence.replace("N", ""))
    known = sum(counts.values())
    expected = [counts[letter] / known if known else 0 for letter in "ACGU"]
    assert shares[0] == pytest.approx([*expected, expected[1] + expected[2]], abs=1e-6)


def test_names_and_roles() -> None:
    length, composition = LengthSource(), CompositionSource()
    assert length.role == composition.role == "floor"
    assert [composition.feature_name(k) for k in range(composition.features)][::2] == [
        *("share of A", "share of G", "share of GC")
    ]
    assert length.feature_name(0) == "length" and length.features == 1
