from __future__ import annotations

from collections import Counter
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.adapter import ModelOptions
from harness.errors import NotApplicable
from model_adapters.kmer_counts import KmerCounts


def model(k: int) -> KmerCounts:
    return KmerCounts(ModelOptions(), k=k)


@given(st.lists(st.text("ACGUN", min_size=1, max_size=40), max_size=5), st.integers(1, 6))
def test_counts_are_those_of_counting_by_hand(sequences: list[str], k: int) -> None:
    counts = model(k).sequence_vectors(sequences)
    assert counts.shape == (len(sequences), 4**k)
    assert counts.dtype == np.float32
    words = ["".join(letters) for letters in product("ACGU", repeat=k)]
    for row, sequence in zip(counts, sequences, strict=True):
        expected = Counter(sequence[i : i + k] for i in range(len(sequence) - k + 1))
        np.testing.assert_array_equal(row, [expected[word] for word in words])


def test_short_and_unknown_sequences_are_zero_vectors() -> None:
    assert not model(6).sequence_vectors(["ACGUA", "N" * 50, "ACGUNACGUN"]).any()
    assert model(6).sequence_vectors(["ACGUAC"]).sum() == 1


def test_identities_differ_and_there_is_no_twin() -> None:
    assert len({model(k).identity() for k in range(1, 7)}) == 6
    assert model(3).card.role == "floor"
    with pytest.raises(NotApplicable, match="kmer-3 has no random twin"):
        model(3).random_twin()
