"""What probes read: letters as states, and a twin for every seed."""

from __future__ import annotations

import numpy as np

from harness.adapter import ModelOptions
from model_adapters.baselines.pairing_prior import PairingPrior
from tasks.probes.sources import MODEL, ONE_HOT, REACH, TWINS, OneHot, first_examples, sources
from tests.fakes import FakeModel


def test_one_hot_is_the_letter_and_its_neighbours() -> None:
    sequence = "ACGNU"
    [(_, states)] = OneHot().hidden_states([sequence], (0,))
    assert states[0].shape == (5, OneHot().card.width)
    for k, row in enumerate(states[0].reshape(5, 2 * REACH + 1, 4)):
        for shift, letter in enumerate(row, start=-REACH):
            own = sequence[k + shift] if 0 <= k + shift < 5 else " "
            np.testing.assert_array_equal(letter, [own == other for other in "ACGU"])


def test_every_seed_has_a_twin_of_its_own_and_models_without_any_have_none() -> None:
    found = list(sources(FakeModel(), (0, 3), [OneHot()]))
    assert [own.name for own in found] == [MODEL, TWINS, TWINS, ONE_HOT]
    assert [own.seeds for own in found] == [(0, 3), (0,), (3,), (0, 3)]
    assert len({own.label for own in found}) == 4 and found[1].model.identity() != found[2].model.identity()
    [alone] = sources(PairingPrior(ModelOptions()), (0,), [OneHot()])
    assert (alone.name, alone.role) == (MODEL, "model")
    twinless = FakeModel()
    twinless.random_twin = lambda initialisation=0: twinless._lacks("random twin")  # type: ignore[method-assign]
    assert [own.name for own in sources(twinless, (0,), [OneHot()])] == [MODEL, ONE_HOT]


def test_the_order_of_examples_is_a_permutation_that_the_seed_decides() -> None:
    names = [f"r{k}" for k in range(30)]
    assert sorted(first_examples(names, 0)) == list(range(30))
    assert first_examples(names, 0) == first_examples(names, 0) != first_examples(names, 1)
    back = first_examples(names[::-1], 0)
    assert [names[::-1][k] for k in back] == [names[k] for k in first_examples(names, 0)]
