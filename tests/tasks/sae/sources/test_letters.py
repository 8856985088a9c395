"""Length, composition and position: numbers that anyone can count."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.sae.sources.letters import CompositionSource, KmerPositionSource, KmerSource, LengthSource, PositionSource


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


@given(st.text("ACGUN", min_size=1, max_size=60))
def test_positions_count_from_both_ends_and_stand_beside_kmers(sequence: str) -> None:
    position, both = PositionSource().encode(sequence), KmerPositionSource()
    length = len(sequence)
    for place, row in enumerate(position):
        back = length - 1 - place
        assert row == pytest.approx([min(place, back), place, back, place / max(1, length - 1)])
    encoded = both.encode(sequence).toarray()
    assert encoded.shape == (length, both.features) and (encoded >= 0).all()
    kmers = KmerSource()
    assert (encoded[:, : kmers.features] == kmers.encode(sequence).toarray()).all()
    assert (encoded[:, kmers.features :] == position).all()
    assert both.feature_name(0) == "A" and both.feature_name(both.features - 4) == "distance to the nearest end"
