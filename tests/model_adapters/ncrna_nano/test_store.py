"""A real model behind the activation store: the states that it has stored for one task serve another."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from harness.adapter import ModelOptions
from harness.registry import Registry
from tests.harness.activations.stored import Opened, sequences, states_of

SEQUENCES = sequences(16)


def test_numbers_are_the_same_to_the_last_bit_whatever_was_stored_before(tmp_path: Path) -> None:
    registry = Registry.discover()
    model = registry.model("ncrna-nano", ModelOptions())
    store = Opened(tmp_path, device="cpu")
    states_of(store(model), SEQUENCES[:9], [-1])  # as a task that reads one layer of some sequences
    leading = {index: own for index, own in store(model).hidden_states_with_leading(SEQUENCES[5:], [0, 2, 4])}
    found = states_of(store(model), SEQUENCES, [0, 2, 4])
    without = states_of(Opened(tmp_path, 0, "cpu")(model), SEQUENCES, [0, 2, 4])
    assert list(found) == list(without), "sums of a task depend on the order"
    for index, states in without.items():
        for layer, own in states.items():
            assert np.array_equal(found[index][layer], own)
            assert index < 5 or np.array_equal(leading[index - 5][layer][1:], own)
    plain = states_of(model, SEQUENCES, [0, 2, 4])
    assert max(abs(found[i][4] - plain[i][4]).max() for i in plain) < 1e-4, "the model itself, in batches"
