from __future__ import annotations

import numpy as np
import pytest

from harness.adapter import ModelOptions
from harness.errors import NotApplicable
from model_adapters.baselines.kmer_counts import KmerCounts


def model(k: int) -> KmerCounts:
    return KmerCounts(ModelOptions(), k=k)


@pytest.mark.parametrize("k", range(1, 7))
def test_vectors_are_counts_as_wide_as_the_card_says(k: int) -> None:
    vectors = model(k).sequence_vectors(["ACGUACGUA", "A" * 10])
    assert vectors.shape == (2, model(k).card.width) and vectors.dtype == np.float32
    assert vectors.sum(axis=1).tolist() == [10 - k, 11 - k]
    assert vectors[1, 0] == 11 - k


def test_identities_differ_and_there_is_no_twin() -> None:
    assert len({model(k).identity() for k in range(1, 7)}) == 6
    assert model(3).card.role == "floor"
    with pytest.raises(NotApplicable, match="kmer-3 has no random twin"):
        model(3).random_twin()
