"""Copies to be trained: as the model at first, trained where they say so, and the model untouched."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from harness.adapter import ModelOptions
from harness.errors import NotApplicable
from model_adapters.encoder.adapter import EncoderAdapter
from tests.fakes import FakeModel
from tests.model_adapters.conftest import reduced, sequences

NAMES = ("rinalmo-micro", "rnabert", "dnabert-3mer", "hyenadna-tiny")
RANK = 2


def adapter_of(name: str, **options: Any) -> EncoderAdapter:
    return EncoderAdapter(reduced(name), ModelOptions(**options), initialisation=0)


def last(adapter: EncoderAdapter, batch: list[str]) -> list[np.ndarray]:
    found = dict(adapter.hidden_states(batch, (-1,)))
    return [found[index][-1] for index in range(len(batch))]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("rank", [RANK, None])
def test_a_copy_starts_as_the_model_learns_and_leaves_the_model_alone(name: str, rank: int | None) -> None:
    adapter, batch = adapter_of(name), sequences(21, 12)
    before = last(adapter, batch)
    own = adapter.trainable(1, rank, 0)
    for states, expected in zip(own.states(batch), before, strict=True):
        assert states.requires_grad and states.dtype == torch.float32
        np.testing.assert_allclose(states.detach().numpy(), expected, atol=1e-5)
    optimiser = torch.optim.SGD(own.parameters, lr=0.1)
    losses = []
    for _ in range(3):
        optimiser.zero_grad()
        loss = torch.stack([states[:, 0].mean() for states in own.states(batch)]).sum()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[2] < losses[0]
    for states, expected in zip(last(adapter, batch), before, strict=True):
        np.testing.assert_array_equal(states, expected)


def test_low_rank_adapters_change_a_linear_map_by_their_product_and_nothing_else() -> None:
    adapter = adapter_of("rinalmo-micro")
    whole, low = adapter.trainable(1, None, 0), adapter.trainable(1, RANK, 0)
    assert sum(p.numel() for p in low.parameters) < sum(p.numel() for p in whole.parameters) / 2
    down, up = low.parameters[:2]
    assert down.shape[0] == up.shape[1] == RANK and not up.any() and down.any()
    assert len({len(adapter.trainable(blocks, RANK, 0).parameters) for blocks in (1, 2)}) == 2
    again, other = (adapter.trainable(1, RANK, seed).parameters[0] for seed in (0, 1))
    assert torch.equal(again, down) and not torch.equal(other, down)


def test_a_gradient_is_that_of_finite_differences() -> None:
    own = adapter_of("rinalmo-micro").trainable(1, RANK, 0)
    batch = sequences(9)
    with torch.no_grad():
        own.parameters[1].add_(0.1)
    own.states(batch)[0][:, 0].sum().backward()
    found = float(own.parameters[1].grad[0, 0])
    values = []
    for step in (1e-2, -1e-2):
        with torch.no_grad():
            own.parameters[1][0, 0] += step
            values.append(float(own.states(batch)[0][:, 0].sum()))
            own.parameters[1][0, 0] -= step
    assert found == pytest.approx((values[0] - values[1]) / 2e-2, rel=0.05, abs=1e-5)


def test_models_without_a_copy_say_so() -> None:
    with pytest.raises(NotApplicable, match="fake has no trainable copy"):
        FakeModel().trainable(1, RANK, 0)
