import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from harness.errors import InputError
from tasks.sae.autoencoder.interchange import from_saelens, to_saelens
from tests.tasks.sae.autoencoder.test_model import correlated_autoencoder
from tests.tasks.sae.planted import ready, sample


def saelens_forward(folder, x):
    """What SAELens computes at inference, written out."""
    config = json.loads((folder / "cfg.json").read_text())
    w = load_file(folder / "sae_weights.safetensors")
    assert config["normalize_activations"] == "none"
    scores = (x - w["b_dec"] * config["apply_b_dec_to_input"]) @ w["W_enc"] + w["b_enc"]
    if config["architecture"] == "topk":
        code = torch.zeros_like(scores).scatter(1, (top := scores.topk(config["k"])).indices, top.values.relu())
    else:
        code = scores.relu() * (scores > w.get("threshold", torch.zeros(())))
    return code, code @ w["W_dec"] + w["b_dec"]


@pytest.mark.parametrize("activation", ["batchtopk", "topk", "relu", "jumprelu"])
def test_round_trip_through_saelens(activation, tmp_path):
    autoencoder = ready(activation=activation)
    x = sample(200, 16)
    to_saelens(autoencoder, tmp_path, "some model")
    code, reconstruction = saelens_forward(tmp_path, x)
    back = from_saelens(tmp_path, layer=3)
    assert back.layer == 3
    for ours in (autoencoder, back):
        torch.testing.assert_close(ours.encode(x).to_dense(), code, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(ours.reconstruct(x), reconstruction.detach(), rtol=1e-4, atol=1e-4)


def test_whitening_is_folded_into_the_weights(tmp_path):
    autoencoder, x = correlated_autoencoder()
    to_saelens(autoencoder, tmp_path)
    code, reconstruction = saelens_forward(tmp_path, x)
    ours = autoencoder.encode(x).to_dense()
    tipped = (ours > 0) != (code > 0)  # rounding may lift a score over the threshold, or not
    assert tipped.float().mean() < 1e-4
    torch.testing.assert_close(ours[~tipped], code[~tipped], rtol=1e-3, atol=5e-3)
    rows = ~tipped.any(1)
    torch.testing.assert_close(autoencoder.reconstruct(x)[rows], reconstruction[rows].detach(), rtol=1e-3, atol=1e-2)


def test_decoder_bias_taken_from_the_input(tmp_path):
    to_saelens(ready(activation="relu"), tmp_path)
    path = tmp_path / "cfg.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"apply_b_dec_to_input": True}))
    x = sample(50, 16)
    code, _ = saelens_forward(tmp_path, x)
    torch.testing.assert_close(from_saelens(tmp_path).encode(x).to_dense(), code, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "change",
    [{"architecture": "gated"}, {"normalize_activations": "layer_norm"}, {"rescale_acts_by_decoder_norm": True}],
)
def test_what_cannot_be_read_is_refused(tmp_path, change):
    to_saelens(ready(), tmp_path)
    path = tmp_path / "cfg.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(InputError, match="only standard, topk and jumprelu"):
        from_saelens(tmp_path)


def test_missing_files(tmp_path):
    with pytest.raises(InputError, match="contains no SAELens autoencoder"):
        from_saelens(tmp_path)


def test_weights_without_a_tensor(tmp_path):
    to_saelens(ready(), tmp_path)
    save_file({"W_dec": torch.zeros(64, 16)}, tmp_path / "sae_weights.safetensors")
    with pytest.raises(InputError, match="W_enc"):
        from_saelens(tmp_path)
