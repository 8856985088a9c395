from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest

from harness.adapter import ModelOptions
from harness.sequences.pairwise import global_identity, local_alignment
from model_adapters.baselines.alignment_identity import GlobalIdentity, LocalAlignment


@pytest.mark.parametrize(("kind", "score"), [(GlobalIdentity, global_identity), (LocalAlignment, local_alignment)])
def test_more_mutations_are_less_alike(kind: type, score: Callable[[str, str], float]) -> None:
    generator = np.random.default_rng(0)
    letters = generator.choice(list("ACGU"), 120)
    versions = ["".join(letters)]
    for _ in range(6):
        letters[generator.choice(120, 12, replace=False)] = generator.choice(list("ACGU"), 12)
        versions.append("".join(letters))
    model = kind(ModelOptions())
    values = model.similarity([(versions[0], version) for version in versions])
    assert values.dtype == np.float32
    assert values == pytest.approx([score(versions[0], version) for version in versions], rel=1e-6)
    assert all(nearer > farther for nearer, farther in pairwise(values.tolist()))
    np.testing.assert_array_equal(values, model.similarity([(version, versions[0]) for version in versions]))
    assert model.card.role == "reference"
    assert len(model.similarity([])) == 0


def test_the_two_are_different_models() -> None:
    assert GlobalIdentity(ModelOptions()).identity() != LocalAlignment(ModelOptions()).identity()
