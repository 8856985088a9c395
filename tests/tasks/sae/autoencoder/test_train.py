"""Training recovers a planted dictionary, keeps its constraints, and resumes to the same bits."""

import itertools
import math

import pytest
import torch

from harness.activations.standardisation import Standardisation
from harness.errors import InputError
from tasks.sae.autoencoder.config import SAEConfig
from tasks.sae.autoencoder.model import SparseAutoencoder
from tasks.sae.autoencoder.train import Trainer, calibrate, learning_rate_factor, step_loss, train, uses_bfloat16
from tests.tasks.sae.planted import Planted, planted_stream, ready, sample, standard

FAST = {"features": 96, "k": 3, "steps": 400, "batch_size": 256, "learning_rate": 5e-3, "bfloat16": False}


def build(layer=1, seed=0, **settings):
    return SparseAutoencoder(32, SAEConfig(**(FAST | settings)), seed, layer)


@pytest.mark.parametrize("activation", ["batchtopk", "topk"])
def test_a_planted_dictionary_is_recovered(activation):
    model = Planted()
    autoencoder = build(activation=activation)
    last = train({"a": autoencoder}, planted_stream(model=model))
    directions = autoencoder.to_standardised(torch.from_numpy(model.rows))
    cosines = torch.nn.functional.normalize(directions) @ autoencoder.decoder.detach().t()
    assert cosines.max(1).values.mean() > 0.9
    assert last["a"]["loss"] < 0.15


@pytest.mark.parametrize("activation", ["relu", "jumprelu"])
def test_dense_activations_learn_and_become_sparse(activation):
    weight = 2e-2 if activation == "relu" else 5e-3
    autoencoder = build(activation=activation, sparsity_weight=weight)
    last = train({"a": autoencoder}, planted_stream())["a"]
    assert last["loss"] < 0.3 and last["l0"] < 24


def test_training_sees_only_the_budgeted_number_of_active_features():
    autoencoder = build(steps=20)
    assert train({0: autoencoder}, planted_stream())[0]["l0"] == 3
    assert autoencoder.nucleotides_seen == 20 * 256


def test_codes_have_k_active_features_after_training():
    autoencoder, stream = build(), planted_stream()
    train({"a": autoencoder}, stream)
    x = next(stream.batches(1000, 1001))[1]
    assert len(autoencoder.encode(x).values) / len(x) == pytest.approx(3, rel=0.1)


@pytest.mark.parametrize(
    "settings",
    [{}, {"activation": "topk"}, {"activation": "relu"}, {"prefixes": (16, 48)}],
)
def test_gradients_equal_those_of_a_dense_forward(settings):
    autoencoder = ready(bfloat16=False, **({"prefixes": ()} | settings))
    x = sample(64, 16)
    dead = torch.zeros(64, dtype=torch.bool)
    dead[:5] = True
    config = autoencoder.config
    loss = step_loss(autoencoder, x, dead)
    loss.total.backward()
    ours = {name: p.grad.clone() for name, p in autoencoder.named_parameters()}
    autoencoder.zero_grad()

    z = (x - autoencoder.shift) / autoencoder.scale
    scores = z @ autoencoder.encoder.t() + autoencoder.encoder_bias
    if config.activation == "relu":
        code = scores.relu()
    else:
        k = config.k
        limit = (
            scores.topk(k, 1).values[:, -1:] if config.activation == "topk" else scores.flatten().topk(64 * k)[0][-1]
        )
        code = scores.relu() * (scores >= limit)
    total = torch.zeros(())
    variance = (z - autoencoder.standardised_mean).square().sum()
    for end in (*config.prefixes, 64):
        output = code[:, :end] @ autoencoder.decoder[:end] + autoencoder.decoder_bias
        total = total + (z - output).square().sum() / variance / (1 + len(config.prefixes))
    if config.activation == "relu":
        total = total + config.sparsity_weight * code.sum(1).mean()
    # AuxK reads every fourth nucleotide
    help_ = scores[::4, :5].relu() @ autoencoder.decoder[:5]
    variance = (z[::4] - autoencoder.standardised_mean).square().sum()
    total = total + ((z - output)[::4].detach() - help_).square().sum() / variance / 32
    torch.testing.assert_close(loss.total, total)
    total.backward()
    for name, parameter in autoencoder.named_parameters():
        torch.testing.assert_close(ours[name], parameter.grad, rtol=1e-3, atol=1e-6)


def test_bfloat16_selection_hardly_changes_the_loss():
    losses = [
        float(step_loss(ready(bfloat16=low), sample(512, 16), torch.zeros(64, dtype=torch.bool)).unexplained)
        for low in (False, True)
    ]
    assert losses[0] == pytest.approx(losses[1], rel=5e-3)


def test_bfloat16_is_used_where_asked_or_supported():
    cpu = torch.device("cpu")
    assert uses_bfloat16(SAEConfig(bfloat16=True), cpu) and not uses_bfloat16(SAEConfig(bfloat16=False), cpu)
    assert isinstance(uses_bfloat16(SAEConfig(), cpu), bool)


@pytest.mark.parametrize("activation", ["batchtopk", "relu", "jumprelu"])
def test_decoder_rows_have_unit_norm_after_a_step(activation):
    autoencoder = ready(activation=activation)
    Trainer(autoencoder).step(sample(64, 16), 500)
    torch.testing.assert_close(autoencoder.decoder.norm(dim=1), torch.ones(64))


def test_gradient_along_a_decoder_row_is_removed():
    autoencoder = ready()
    trainer = Trainer(autoencoder)
    step_loss(autoencoder, sample(64, 16), torch.zeros(64, dtype=torch.bool)).total.backward()
    before = autoencoder.decoder.grad.clone()
    trainer._remove_parallel_gradient()
    inner = (autoencoder.decoder.grad * autoencoder.decoder).sum(1)
    torch.testing.assert_close(inner, torch.zeros(64), atol=1e-7, rtol=0)
    along = ((before - autoencoder.decoder.grad) * autoencoder.decoder).sum(1)
    torch.testing.assert_close(along, (before * autoencoder.decoder).sum(1))


def test_silent_features_die_and_come_back():
    autoencoder = ready(features=64, k=4, dead_after=200, auxiliary_weight=0.0)
    with torch.no_grad():
        autoencoder.encoder_bias[:10] = -1e3
    trainer = Trainer(autoencoder)
    for _ in range(3):
        report = trainer.step(sample(100, 16), 500)
    assert report["dead_share"] >= 10 / 64  # two batches of silence came before the third
    with torch.no_grad():
        autoencoder.encoder_bias[:10] = 1e3
    trainer.step(sample(100, 16), 500)
    assert not trainer.silent[:10].any()


def test_aux_revives_dead_features_in_training():
    def revived(weight):
        autoencoder = build(dead_after=2000, auxiliary_weight=weight, steps=150)
        with torch.no_grad():
            autoencoder.encoder[:40] *= 0.1  # too weak to be chosen, yet not under 0 everywhere
        stream = planted_stream()
        train({0: autoencoder}, stream)
        code = autoencoder.encode(next(stream.batches(0, 1))[1])
        return len(code.indices[code.indices < 40].unique())

    assert revived(1 / 32) > revived(0.0) + 10


def test_centring_matters_for_dead_features():
    def dead(standardise):
        autoencoder = build(standardise=standardise, auxiliary_weight=0.0, dead_after=5000, steps=200)
        return train({0: autoencoder}, planted_stream(model=Planted(offset=20)))[0]["dead_share"]

    assert dead("none") > 0.5 and dead("center") < 0.2


@pytest.mark.parametrize("activation", ["batchtopk", "relu", "jumprelu"])
@pytest.mark.parametrize("part", ["encoder", "decoder"])
def test_a_frozen_half_keeps_its_bits_and_the_rest_learns(part, activation):
    settings = {"activation": activation, "frozen": part, "steps": 30, "weight_decay": 1e-2, "dead_after": 2000}
    autoencoder, start = build(**settings), build(**settings)
    train({0: autoencoder}, planted_stream())
    for name, parameter in autoencoder.named_parameters():
        assert parameter.equal(getattr(start, name)) == (name == part), name
    torch.testing.assert_close(autoencoder.decoder.norm(dim=1), torch.ones(96))


def test_frozen_training_resumes_bit_for_bit(tmp_path):
    whole, parts = build(frozen="decoder", steps=20), build(frozen="decoder", steps=20)
    train({0: whole}, planted_stream())
    trainer, stream = Trainer(parts), planted_stream()
    parts.set_standardisation(Standardisation.fit(stream)[1])
    for step, batch in enumerate(stream.batches(0, 20)):
        if step == 7:
            kept = {name: tensor.clone() for name, tensor in trainer.tensors().items()}
            parts = build(frozen="decoder", steps=20)
            trainer = Trainer(parts)
            trainer.restore(kept, 7)
        trainer.step(batch[1], step)
    assert parts.encoder.equal(whole.encoder) and parts.decoder.equal(whole.decoder)


def test_frozen_halves_explain_less_than_a_trained_dictionary():
    left = {}
    for part in ("none", "decoder", "encoder"):
        left[part] = train({0: build(frozen=part)}, planted_stream())[0]["loss"]
    assert left["none"] < 0.5 * min(left["decoder"], left["encoder"])


def test_learning_rate_schedule():
    linear = SAEConfig(steps=100, warmup=0.1, decay=0.2)
    factors = [learning_rate_factor(linear, step) for step in range(100)]
    assert factors[0] == pytest.approx(0.1) and factors[9:80] == [1.0] * 71
    assert factors[90] == pytest.approx(0.5) and factors[99] == pytest.approx(0.05)
    cosine = SAEConfig(steps=100, warmup=0.0, schedule="cosine")
    assert learning_rate_factor(cosine, 50) == pytest.approx((1 + math.cos(math.pi / 2)) / 2)


def group(steps=30):
    return {
        (1, "a"): build(1, 0, steps=steps, dead_after=1000),
        (2, "b"): build(2, 1, steps=steps, activation="relu"),
        (2, "c"): build(2, 2, steps=steps, activation="jumprelu", prefixes=(32,), standardise="zscore"),
    }


class Killed(Exception):
    pass


@pytest.mark.parametrize("killed_at", [1, 13, 29])
def test_resumed_training_equals_uninterrupted_training_bit_for_bit(tmp_path, killed_at, monkeypatch):
    stream = planted_stream((1, 2))
    whole = group()
    expected = train(whole, stream)
    calls = itertools.count(1)
    original = Trainer.step

    def step(self, x, number):
        if next(calls) > 3 * killed_at:
            raise Killed
        return original(self, x, number)

    checkpoint = tmp_path / "work" / "checkpoint.safetensors"
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(Trainer, "step", step)
        train(group(), planted_stream((1, 2)), checkpoint, checkpoint_seconds=0)
    resumed = group()
    steps = []
    last = train(resumed, planted_stream((1, 2)), checkpoint, lambda step, *_: steps.append(step))
    assert last == expected
    for key, autoencoder in whole.items():
        assert resumed[key].nucleotides_seen == autoencoder.nucleotides_seen
        for name, tensor in autoencoder.state_dict().items():
            assert resumed[key].state_dict()[name].equal(tensor), (key, name)
    again = group()
    assert train(again, stream, checkpoint) == expected  # a finished training is not repeated
    assert again[1, "a"].encoder.equal(whole[1, "a"].encoder)
    assert [file.name for file in checkpoint.parent.iterdir()] == [checkpoint.name]


def test_an_autoencoder_does_not_depend_on_its_companions():
    alone = build(steps=10)
    train({"x": alone}, planted_stream((1, 2)))
    together = {"y": build(2, 5, steps=10), "x": build(steps=10)}
    train(together, planted_stream((1, 2)))
    torch.testing.assert_close(alone.decoder, together["x"].decoder)  # to the bit only where threads are shared alike


def test_the_number_of_threads_is_given_back():
    threads = torch.get_num_threads()
    train(group(3), planted_stream((1, 2)))
    assert torch.get_num_threads() == threads


def test_progress():
    seen = []
    train({0: build(steps=25), 1: build(steps=25, seed=1)}, planted_stream(), progress=lambda *call: seen.append(call))
    assert [(step, steps) for step, steps, _ in seen] == [(10, 25), (20, 25), (25, 25)]
    assert seen[-1][2].keys() == {"loss", "l0", "dead_share", "nucleotides_per_second"}
    assert seen[-1][2]["nucleotides_per_second"] > 0


def test_an_untrained_autoencoder_can_be_calibrated():
    autoencoder = build(steps=5)
    autoencoder.set_standardisation(standard(32))
    calibrate({0: autoencoder}, planted_stream())
    assert autoencoder.is_calibrated and autoencoder.nucleotides_seen == 0


@pytest.mark.parametrize(
    ("autoencoders", "message"),
    [
        ({}, "no sparse autoencoder"),
        ({0: build(steps=5), 1: build(steps=6)}, "equal steps"),
        ({0: build(batch_size=7)}, "batch size"),
        ({0: build(layer=4)}, "layer 4"),
    ],
)
def test_what_cannot_be_trained_together(autoencoders, message):
    with pytest.raises(InputError, match=message):
        train(autoencoders, planted_stream())


def test_a_checkpoint_of_something_else_is_refused(tmp_path):
    path = tmp_path / "c.safetensors"
    train({0: build(steps=2)}, planted_stream(), path)
    with pytest.raises(InputError, match="another training"):
        train({0: build(steps=2, seed=9)}, planted_stream(), path)
    with pytest.raises(InputError, match="another training"):
        train({0: build(steps=2)}, planted_stream(count=50), path)
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(InputError, match="not a training checkpoint"):
        train({0: build(steps=2)}, planted_stream(), path)
