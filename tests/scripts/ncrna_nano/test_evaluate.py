import os
from pathlib import Path

import numpy as np
import pytest
import torch

from harness.datasets import rfam_profiles
from scripts.ncrna_nano.evaluate import hide, load, markov_losses, model_losses
from scripts.ncrna_nano.markov import MarkovModel
from scripts.ncrna_nano.split import FOLDER, SEED_FILE, load_split

SEQUENCES = ["GGGCUAGCUCAGUCGGUAGAGCGCCC" * 2, "ACGUNACGUAAGGCU", "CCCAAAGGGUUUACGUAGCUAGCUAGGAUCC"]


@pytest.fixture(scope="module")
def model() -> torch.nn.Module:
    if not (FOLDER / "model.safetensors").exists():
        pytest.skip("ncrna_nano/model.safetensors is not in this checkout")
    return load(FOLDER)


def test_hidden_positions_are_seeded_and_never_n() -> None:
    hidden = hide(["ACGUN" * 200], seed=1)
    assert all(np.array_equal(a[1], b[1]) for a, b in zip(hidden, hide(["ACGUN" * 200], seed=1), strict=True))
    ((sequence, positions),) = hidden
    assert "N" not in {sequence[i] for i in positions}
    assert abs(len(positions) / 800 - 0.15) < 0.04


def test_model_losses_are_those_of_each_sequence_alone(model: torch.nn.Module) -> None:
    hidden = hide(SEQUENCES)
    expected = []
    for sequence, positions in hidden:
        letters = [4 if i in positions else "ACGUN".index(c) + 6 for i, c in enumerate(sequence)]
        with torch.inference_mode():
            logits = model(torch.tensor([[1, *letters, 2]])).logits[0, 1:-1, 6:10]
        expected += [-logits[i].log_softmax(-1)["ACGU".index(sequence[i])].item() for i in positions]
    np.testing.assert_allclose(model_losses(model, hidden), expected, atol=1e-4)


def test_markov_losses_pick_the_true_nucleotide() -> None:
    chain = MarkovModel(0, ["AAAC"])
    found = markov_losses(chain, [("CA", np.array([0, 1]))])
    np.testing.assert_allclose(found, -np.log(np.exp(chain.log_probabilities("CA"))[[0, 1], [1, 0]]))


def test_the_shipped_model_beats_a_uniform_guess_on_simulated_families(model: torch.nn.Module) -> None:
    sequences = sorted({record.sequence for record in rfam_profiles.load().records})[::8]
    losses = model_losses(model, hide(sequences))
    assert losses.mean() + 2 * losses.std() / np.sqrt(len(losses)) < np.log(4)


@pytest.mark.skipif("HARNESS_DATA" not in os.environ, reason="HARNESS_DATA is not set")
def test_the_shipped_model_beats_a_markov_chain_on_real_held_out_clusters(model: torch.nn.Module) -> None:
    data = Path(os.environ["HARNESS_DATA"])
    if not (data / SEED_FILE).exists():
        pytest.skip(f"HARNESS_DATA holds no {SEED_FILE}")
    split = load_split(data)
    hidden = hide([entry.sequence for entry in split.validation[::5]])
    chain = MarkovModel(3, [entry.sequence for entry in split.training[::4]])
    assert model_losses(model, hidden).mean() < markov_losses(chain, hidden).mean() - 0.01


def test_hiding_every_nucleotide_leaves_nothing_to_tell_sequences_apart(model: torch.nn.Module) -> None:
    first, second = "ACGUACGU", "AUGGCCGU"
    everything = np.arange(8)
    distributions = []
    for sequence in (first, second):
        losses = model_losses(model, [(sequence, everything)])
        distributions.append({(i, c): loss for i, (c, loss) in enumerate(zip(sequence, losses, strict=True))})
    shared = distributions[0].keys() & distributions[1].keys()
    assert all(distributions[0][key] == pytest.approx(distributions[1][key], abs=1e-5) for key in shared)
