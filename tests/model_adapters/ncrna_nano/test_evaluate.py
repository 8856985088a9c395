import numpy as np
import pytest
import torch

from model_adapters.ncrna_nano.evaluate import hide, load, markov_losses, model_losses
from model_adapters.ncrna_nano.markov import MarkovModel
from model_adapters.ncrna_nano.split import FOLDER

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


def test_the_shipped_model_beats_composition_on_a_transfer_rna(model: torch.nn.Module) -> None:
    transfer_rna = "GCCCGGAUAGCUCAGUCGGUAGAGCAGGGGAUUGAAAAUCCCCGUGUCCUUGGUUCGAUUCCGAGUCCGGGCACCA"
    losses = np.concatenate([model_losses(model, hide([transfer_rna], seed)) for seed in range(20)])
    assert losses.mean() < 1.2
