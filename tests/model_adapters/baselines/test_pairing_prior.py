from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from harness.adapter import ModelOptions
from model_adapters.baselines.pairing_prior import PairingPrior
from model_adapters.models import MODELS

NAMES = ("pairing-prior", "pairing-prior-softmax", "pairing-prior-stacked", "pairing-prior-stacked-softmax")
WEIGHTS = {"AU": 2, "UA": 2, "GC": 3, "CG": 3, "GU": 0.8, "UG": 0.8}
rna = st.text("ACGUN", min_size=1, max_size=14)


def scores(sequence: str, name: str = "pairing-prior") -> NDArray[np.float32]:
    adapter = MODELS[name](ModelOptions())
    ((index, found),) = adapter.pair_scores([sequence])
    assert index == 0
    return found


def by_loops(sequence: str, stacked: bool, softmax: bool) -> list[list[float]]:
    """The definition, one cell at a time."""
    length = len(sequence)

    def weight(i: int, j: int) -> float:
        inside = 0 <= i < length and 0 <= j < length
        return WEIGHTS.get(sequence[i] + sequence[j], 0) if inside else 0

    table = []
    for i in range(length):
        row = []
        for j in range(length):
            value = weight(i, j)
            if stacked and value:
                for k in (1, 2):
                    value += math.exp(-k * k / 2) * (weight(i + k, j - k) + weight(i - k, j + k))
            row.append(value)
        if softmax:
            total = sum(math.exp(value) for value in row)
            row = [math.exp(value) / total for value in row]
        table.append(row)
    return table


@pytest.mark.parametrize("name", NAMES)
@given(sequence=rna)
def test_scores_are_those_of_the_definition(name: str, sequence: str) -> None:
    found = scores(sequence, name)
    assert found.dtype == np.float32 and found.shape == (len(sequence),) * 2
    np.testing.assert_allclose(found, by_loops(sequence, "stacked" in name, "softmax" in name), rtol=1e-5)


@given(sequence=rna)
def test_laws(sequence: str) -> None:
    raw, stacked = scores(sequence), scores(sequence, "pairing-prior-stacked")
    for found, name in ((raw, "pairing-prior"), (stacked, "pairing-prior-stacked")):
        np.testing.assert_array_equal(found, found.T)
        np.testing.assert_allclose(found[::-1, ::-1], scores(sequence[::-1], name), rtol=1e-6)
        assert not found.diagonal().any()
    np.testing.assert_array_equal(raw > 0, stacked > 0)
    assert (stacked >= raw).all()
    unknown = [i for i, letter in enumerate(sequence) if letter == "N"]
    assert not raw[unknown].any() and not stacked[unknown].any()
    np.testing.assert_allclose(scores(sequence, "pairing-prior-softmax").sum(axis=1), 1, rtol=1e-5)


def test_a_stem_by_hand() -> None:
    found = scores("GGAACC", "pairing-prior-stacked")  # neighbours of (1, 4): (0, 5) on one side, (2, 3) on the other
    assert found[1, 4] == pytest.approx(3 + 3 * math.exp(-0.5))
    assert found[0, 5] == pytest.approx(3 + 3 * math.exp(-0.5))
    assert found[2, 3] == 0  # A with A has canonical neighbours and stays at 0


def test_cards_and_identities() -> None:
    adapters = [MODELS[name](ModelOptions()) for name in NAMES]
    assert [adapter.card.name for adapter in adapters] == list(NAMES)
    assert len({adapter.identity() for adapter in adapters}) == len(NAMES)
    assert adapters[0].identity() == PairingPrior(ModelOptions()).identity()
    for adapter in adapters:
        assert adapter.card.role == "floor" and adapter.card.capabilities == {"pair_scores"}
        assert adapter.card.pair_scores_like_attention and adapter.available()
