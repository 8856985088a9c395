"""Codes do not depend on the batch, files round-trip bit for bit, and broken files are named."""

import json

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from harness.activations.standardisation import Standardisation
from harness.errors import InputError
from tasks.sae.autoencoder.config import SAEConfig
from tasks.sae.autoencoder.model import Metadata, SparseAutoencoder
from tests.tasks.sae.planted import ready, sample, standard

ACTIVATIONS = ["batchtopk", "topk", "relu", "jumprelu"]
METADATA = Metadata(model_identity="abc", dataset_fingerprint="def", quality={"fve_raw": 0.5})


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_one_nucleotide_gets_the_same_code_alone_or_in_a_batch(activation):
    autoencoder = ready(activation=activation)
    x = sample(5000, 16, seed=3)  # more than one chunk
    whole = autoencoder.encode(x).to_dense()
    for row in (0, 1, 4095, 4096, 4999):
        torch.testing.assert_close(autoencoder.encode(x[row : row + 1]).to_dense()[0], whole[row])


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("standardise", ["whiten", "zscore", "center", "none"])
def test_encode_and_decode_equal_the_formula(activation, standardise):
    autoencoder = ready(activation=activation, standardise=standardise)
    x = sample(20, 16)
    shift = 0.0 if standardise == "none" else 0.5
    scores = (x - shift) / 2 @ autoencoder.encoder.t() + autoencoder.encoder_bias
    if activation == "topk":
        kept = scores >= scores.topk(4, dim=1).values[:, -1:]
    else:
        kept = scores > {"relu": 0.0, "jumprelu": 0.1}.get(activation, autoencoder.threshold[0].item())
    dense = (scores * kept).clamp_min(0).detach()
    torch.testing.assert_close(autoencoder.encode(x).to_dense(), dense)
    expected = (dense @ autoencoder.decoder + autoencoder.decoder_bias) * 2 + shift
    torch.testing.assert_close(autoencoder.reconstruct(x), expected.detach(), rtol=1e-4, atol=1e-4)


def correlated_autoencoder(**settings):
    """Whitens states that are far from zero and lie near a plane; and such states."""
    random = np.random.default_rng(1)
    x = random.normal(size=(4000, 16)) @ (random.normal(size=(16, 16)) * np.geomspace(1e-2, 10, 16)) + 7
    x = x.astype(np.float32)
    fit = Standardisation.of(x)
    autoencoder = ready(standardise="whiten", **settings)
    autoencoder.set_standardisation(fit)
    autoencoder.calibrate([torch.from_numpy(x)])
    return autoencoder, torch.from_numpy(x)


def test_whitening_and_back_is_the_identity():
    autoencoder, x = correlated_autoencoder()
    back = autoencoder.undo_standardise(autoencoder.standardise(x))
    assert float((back - x).abs().max() / x.abs().max()) < 1e-5


def test_whitened_states_are_decoded_in_the_space_of_the_model():
    autoencoder, x = correlated_autoencoder()
    whitening, colouring = (torch.from_numpy(matrix).float() for matrix in Standardisation.of(x.numpy()).whitening())
    z = (x - x.double().mean(0).float()) / x.double().std(0, correction=0).float() @ whitening
    torch.testing.assert_close(torch.cov(z.t()), torch.eye(16), atol=5e-3, rtol=0)
    torch.testing.assert_close(autoencoder.standardise(x), z, atol=1e-3, rtol=1e-4)
    code = autoencoder.encode(x).to_dense()
    output = (code @ autoencoder.decoder + autoencoder.decoder_bias) @ colouring * x.std(0, correction=0) + x.mean(0)
    torch.testing.assert_close(autoencoder.reconstruct(x), output.detach(), atol=1e-3, rtol=1e-4)


def test_a_whitening_autoencoder_is_saved_and_loaded_bit_for_bit(tmp_path):
    autoencoder, x = correlated_autoencoder()
    autoencoder.save(tmp_path, METADATA)
    assert SparseAutoencoder.load(tmp_path).reconstruct(x).equal(autoencoder.reconstruct(x))


def test_no_nucleotides_give_an_empty_code():
    for activation in ACTIVATIONS:
        code = ready(activation=activation).encode(torch.zeros(0, 16))
        assert code.to_dense().shape == (0, 64)


def test_calibration_gives_k_active_features_on_average():
    autoencoder = ready()
    autoencoder.calibrate(sample(512, 16, seed) for seed in range(8))
    code = autoencoder.encode(sample(4096, 16, seed=99))
    assert len(code.values) / 4096 == pytest.approx(4, rel=0.05)


def test_decoder_rows_have_unit_norm_from_the_start():
    torch.testing.assert_close(ready().decoder.norm(dim=1), torch.ones(64))


def test_a_constant_dimension_does_not_blow_up():
    deviation = np.ones(16)
    deviation[3] = 0
    fit = Standardisation(np.zeros(16), np.diag(deviation), 1, None)
    autoencoder = SparseAutoencoder(16, SAEConfig(features=64, k=4), 0, standardisation=fit)
    assert autoencoder.standardise(sample(5, 16)).isfinite().all()


def test_what_is_not_ready_says_so():
    bare = SparseAutoencoder(16, SAEConfig(features=64, k=4), 0)
    with pytest.raises(InputError, match="no standardisation"):
        bare.encode(sample(2, 16))
    bare.set_standardisation(standard(16))
    with pytest.raises(InputError, match="no threshold"):
        bare.encode(sample(2, 16))


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_save_and_load_bit_for_bit(activation, tmp_path):
    autoencoder = ready(activation=activation, seed=5)
    autoencoder.nucleotides_seen = 77
    autoencoder.save(tmp_path, METADATA)
    loaded = SparseAutoencoder.load(tmp_path)
    assert loaded.state_dict().keys() == autoencoder.state_dict().keys()
    for name, tensor in autoencoder.state_dict().items():
        assert loaded.state_dict()[name].equal(tensor)
    x = sample(100, 16)
    assert loaded.reconstruct(x).equal(autoencoder.reconstruct(x))
    assert (loaded.metadata, loaded.nucleotides_seen, loaded.seed) == (METADATA, 77, 5)
    assert {file.name for file in tmp_path.iterdir()} == {"model.safetensors", "config.json"}
    described = json.loads((tmp_path / "config.json").read_text())
    assert (described["variant"], described["d"], described["m"], described["k"]) == (activation, 16, 64, 4)


def broken(folder, name, change):
    path = folder / name
    path.write_bytes(change(path.read_bytes()))


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("config.json", lambda b: b.replace(b'"schema_version": 1', b'"schema_version": 9'), "not a version 1"),
        ("config.json", lambda b: b[:40], "not a version 1"),
        ("config.json", lambda b: b.replace(b'"d": 16', b'"d": 17'), "does not fit config.json"),
        ("model.safetensors", lambda b: b[:100], "not a version 1"),
    ],
)
def test_broken_files(tmp_path, name, change, message):
    ready().save(tmp_path, METADATA)
    broken(tmp_path, name, change)
    with pytest.raises(InputError, match=message) as caught:
        SparseAutoencoder.load(tmp_path)
    assert "\n" not in str(caught.value)


def test_missing_files(tmp_path):
    with pytest.raises(InputError, match="contains no sparse autoencoder"):
        SparseAutoencoder.load(tmp_path / "nowhere")


def test_metadata_refuses_unknown_fields():
    with pytest.raises(ValidationError):
        Metadata(model_identity="a", dataset_fingerprint="b", colour="red")


@pytest.mark.parametrize("activation", ["batchtopk", "topk"])
def test_more_active_features_than_dimensions_do_not_start_beyond_their_input(activation):
    """Unit rows that are all alike to x would add up to 50 times x."""
    x = sample(2000, 5, seed=1)
    autoencoder = ready(width=5, activation=activation, features=1024, k=32, standardise="none")
    autoencoder.set_standardisation(standard(5))
    with torch.no_grad():
        autoencoder.encoder_bias.zero_()
        autoencoder.decoder_bias.zero_()
    autoencoder.calibrate([x])
    left = (x - autoencoder.reconstruct(x)).square().sum() / x.square().sum()
    assert left < 0.5
    narrow = SparseAutoencoder(32, SAEConfig(features=64, k=32, activation=activation), 0)
    assert torch.equal(narrow.encoder, narrow.decoder)
