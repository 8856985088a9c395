"""Heads on states: what they compute, that they are symmetric, and that they learn a rule of two letters."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tasks.probe_structure.examples import Examples
from tasks.probe_structure.heads import DISTANCES, KINDS, Kind, PairHead, Trained, train
from tasks.structure.maps import pair_index, positions


def trained(kind: Kind, width: int = 4) -> Trained:
    torch.manual_seed(0)
    return Trained(PairHead(kind, width, -2.0), torch.zeros(width), torch.ones(width), 0.0, 1, 0.0, 1)


@pytest.mark.parametrize("kind", KINDS)
def test_logits_are_those_of_loops_and_do_not_depend_on_the_direction(kind: Kind) -> None:
    own = trained(kind)
    states = np.random.default_rng(0).normal(size=(12, 4)).astype(np.float32)
    with torch.no_grad():
        own.head.distance.weight[:] = torch.arange(len(DISTANCES) + 1.0)[:, None]
    found = own.logits(states)
    weights = {name: tensor.detach().numpy() for name, tensor in own.head.named_parameters()}

    def project(name: str, state: np.ndarray) -> np.ndarray:
        return weights[f"{name}.weight"] @ state + weights[f"{name}.bias"]

    for k, (i, j) in enumerate(zip(*positions(12), strict=True)):
        first, second = project("left", states[i]), project("left", states[j])
        if kind == "pair-linear":
            expected = (first @ project("right", states[j]) + second @ project("right", states[i])) / 2
        else:
            hidden = project("read.0", np.concatenate([first + second, first * second]))
            expected = float(project("read.2", np.maximum(hidden, 0))[0])
        expected += sum(j - i >= start for start in DISTANCES)
        assert found[k] == pytest.approx(expected, abs=1e-4)
    back = own.logits(states[::-1].copy())
    i, j = positions(12)
    np.testing.assert_allclose(back[pair_index(11 - j, 11 - i, 12)], found, atol=1e-4)


def letters(seed: int) -> tuple[np.ndarray, Examples]:
    """One-hot states of two letters and noise; a pair is one of each, which no single letter tells."""
    generator = np.random.default_rng(seed)
    letter = generator.integers(2, size=16)
    states = np.column_stack([np.eye(2)[letter], generator.normal(size=(16, 3))]).astype(np.float32)
    i, j = positions(16)
    known = letter[i] != letter[j]
    return states, Examples(np.arange(len(i)), known, np.ones(len(i)))


@pytest.mark.parametrize("kind", KINDS)
def test_a_rule_of_two_letters_is_learned_and_seeds_alone_decide(kind: Kind) -> None:
    states, examples = zip(*(letters(seed) for seed in range(6)), strict=True)
    judges = tuple(zip(*(letters(seed) for seed in range(6, 9)), strict=True))
    first, again, other = (train(kind, 1, states, examples, judges, 60, seed) for seed in (0, 0, 1))
    test, truth = letters(99)
    assert ((first.logits(test) > 0) == truth.known).all()
    np.testing.assert_array_equal(first.logits(test), again.logits(test))
    assert (first.logits(test) != other.logits(test)).any()


def test_the_loss_is_of_all_pairs_that_examples_stand_for() -> None:
    """Weights of k are k copies; validation picks the checkpoint of least loss, whatever it is called."""
    states, examples = letters(0)
    doubled = Examples(
        np.concatenate([examples.pairs, examples.pairs]),
        np.concatenate([examples.known, examples.known]),
        np.ones(2 * len(examples.pairs)),
    )
    weighted = Examples(examples.pairs, examples.known, np.full(len(examples.pairs), 2.0))
    losses = [train("pair-linear", 1, [states], [own], ([states], [own]), 8, 0).loss for own in (doubled, weighted)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)
