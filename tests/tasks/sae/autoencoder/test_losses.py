"""The loss of the mean is 1 and of the identity 0; AuxK revives dead features and nothing else."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from tasks.sae.autoencoder.losses import auxiliary_loss, unexplained_share

X = torch.randn(50, 8, generator=torch.Generator().manual_seed(0)) + 3
MEAN = X.mean(0)


@given(st.floats(0.01, 100))
def test_unexplained_share(scale):
    x, mean = X * scale, MEAN * scale
    assert unexplained_share(x, x, mean) == 0
    assert unexplained_share(x, mean.expand_as(x), mean) == pytest.approx(1)
    assert unexplained_share(x, (x + mean) / 2, mean) == pytest.approx(0.25, rel=1e-4)


def weights(features=12):
    generator = torch.Generator().manual_seed(1)
    encoder, decoder = (torch.randn(features, 8, generator=generator) for _ in range(2))
    return [t.requires_grad_() for t in (encoder, torch.zeros(features), functional.normalize(decoder))]


def test_aux_without_an_active_dead_feature_is_the_whole_residual():
    reconstruction = X * 0.9
    expected = unexplained_share(X, reconstruction, MEAN)
    encoder, bias, decoder = weights()
    none = auxiliary_loss(X, reconstruction, MEAN, encoder, bias, decoder, torch.zeros(12, dtype=torch.bool))
    silent = auxiliary_loss(X, reconstruction, MEAN, encoder, bias - 1e4, decoder, torch.ones(12, dtype=torch.bool))
    torch.testing.assert_close(none, expected)
    torch.testing.assert_close(silent, expected)


def test_aux_gradient_reaches_encoder_and_decoder_of_dead_features_only():
    encoder, bias, decoder = weights()
    dead = torch.zeros(12, dtype=torch.bool)
    dead[[2, 5]] = True
    reconstruction = (X * 0.9).requires_grad_()
    auxiliary_loss(X, reconstruction, MEAN, encoder, bias, decoder, dead).backward()
    assert reconstruction.grad is None  # the target is detached
    for tensor in (encoder, bias, decoder):
        touched = tensor.grad.reshape(12, -1).abs().sum(1) > 0
        assert touched.equal(dead)


def test_aux_uses_the_strongest_half_of_the_width():
    encoder, bias, decoder = (t.detach() for t in weights(30))
    dead = torch.zeros(30, dtype=torch.bool)
    dead[:20] = True
    residual = X * 0.1
    total = 0.0
    for x, e in zip(X, residual, strict=True):  # slow second implementation
        scores = [(max(0.0, float(encoder[j] @ x)), j) for j in range(20)]
        best = sorted(scores, reverse=True)[:4]
        total += float((e - sum(s * decoder[j] for s, j in best)).square().sum())
    expected = total / float((X - MEAN).square().sum())
    assert auxiliary_loss(X, X * 0.9, MEAN, encoder, bias, decoder, dead).item() == pytest.approx(expected, rel=1e-4)
