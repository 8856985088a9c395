from __future__ import annotations

import math

import numpy as np

from harness.adapter import ModelOptions
from model_adapters.baselines.length_gc import LengthGc


def test_vectors_are_ln_length_and_gc_content() -> None:
    model = LengthGc(ModelOptions())
    vectors = model.sequence_vectors(["AAGG", "ACGUACGU", "GGN", "NNNN"])
    expected = [[math.log(4), 0.5], [math.log(8), 0.5], [math.log(3), 1], [math.log(4), 0.5]]
    np.testing.assert_allclose(vectors, expected, rtol=1e-6)
    assert vectors.dtype == np.float32 and model.card.vectors_compared_by == "distance"
