from __future__ import annotations

from collections import Counter
from itertools import product

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from harness.sequences.kmers import kmer_counts, kmers


@given(st.lists(st.text("ACGUN", min_size=1, max_size=40), max_size=5), st.integers(1, 6))
def test_counts_are_those_of_counting_by_hand(sequences: list[str], k: int) -> None:
    counts = kmer_counts(sequences, k)
    assert counts.shape == (len(sequences), 4**k)
    assert counts.dtype == np.float32
    words = ["".join(letters) for letters in product("ACGU", repeat=k)]
    for row, sequence in zip(counts, sequences, strict=True):
        expected = Counter(sequence[i : i + k] for i in range(len(sequence) - k + 1))
        np.testing.assert_array_equal(row, [expected[word] for word in words])


def test_kmers_come_from_left_to_right_without_those_of_an_n() -> None:
    assert kmers("AACUNGU", 2).tolist() == [0, 1, 7, 11]
    assert kmers("A", 2).tolist() == []


def test_short_and_unknown_sequences_are_zero_vectors() -> None:
    assert not kmer_counts(["ACGUA", "N" * 50, "ACGUNACGUN"], 6).any()
    assert kmer_counts(["ACGUAC"], 6).sum() == 1
