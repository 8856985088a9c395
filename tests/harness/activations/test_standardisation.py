"""Covariances streamed block by block are exact, and whitening does what its name says, whatever the data."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.activations.reader import ModelReader
from harness.activations.standardisation import EIGENVALUE_FLOOR, Standardisation
from harness.activations.stream import ActivationStream
from harness.adapter import ModelAdapter, ModelCard

WIDTH = 6


class Drawn(ModelAdapter):
    """Correlated numbers far from zero, the same for a sequence every time."""

    card = ModelCard(
        name="drawn", summary="", architecture="none", capabilities=frozenset(["hidden_states"]), layers=2, width=WIDTH
    )

    def identity(self):
        return "drawn"

    def hidden_states(self, sequences, layers):
        mix = np.random.default_rng(0).normal(size=(WIDTH, WIDTH))
        for index, sequence in enumerate(sequences):
            noise = np.random.default_rng(len(sequence)).normal(size=(len(sequence), WIDTH))
            yield index, {layer: (noise @ mix * (1 + layer) + 50).astype(np.float32) for layer in layers}


SEQUENCES = ["ACGUN" * 5 + "A" * n for n in range(40)]


def correlated(rows=4000, width=8, seed=0):
    random = np.random.default_rng(seed)
    mix = random.normal(size=(width, width)) * random.uniform(0.1, 10, width)
    return (random.normal(size=(rows, width)) @ mix + random.normal(size=width) * 5).astype(np.float32)


@pytest.mark.parametrize("capacity", [2**30, 2 * WIDTH * 4 * 90])
def test_the_streamed_covariance_is_that_of_all_nucleotides(capacity):
    stream = ActivationStream(ModelReader(Drawn(), SEQUENCES, (1, 2)), 64, 0, capacity)
    assert stream.fits == (capacity == 2**30)
    fits = Standardisation.fit(stream)
    for layer in (1, 2):
        rows = [
            states[layer][[letter != "N" for letter in SEQUENCES[index]]]
            for index, states in Drawn().hidden_states(SEQUENCES, (layer,))
        ]
        x = np.concatenate(rows).astype(np.float64)
        np.testing.assert_allclose(fits[layer].covariance, np.cov(x, rowvar=False, bias=True), rtol=1e-9)
        np.testing.assert_allclose(fits[layer].mean, x.mean(0), rtol=1e-12)
        np.testing.assert_allclose(fits[layer].deviation, x.std(0), rtol=1e-9)


def whitened(x, fit):
    whitening, _ = fit.whitening()
    return (x.astype(np.float64) - fit.mean) / fit.scale @ whitening


@given(st.integers(0, 1000))
def test_whitened_training_data_has_identity_covariance(seed):
    x = correlated(seed=seed)
    fit = Standardisation.of(x)
    # a direction under the floor, which near-singular draws have, keeps less than unit variance
    eigenvalues = np.linalg.eigvalsh(fit.covariance / np.outer(fit.scale, fit.scale))
    found = np.cov(whitened(x, fit), rowvar=False, bias=True)
    if eigenvalues.min() > EIGENVALUE_FLOOR:
        np.testing.assert_allclose(found, np.eye(8), atol=1e-6)
    assert np.linalg.eigvalsh(found).max() < 1 + 1e-6


def test_whitening_equals_the_slow_sum_over_eigenvectors():
    fit = Standardisation.of(correlated())
    deviation = np.sqrt(np.diag(fit.covariance))
    eigenvalues, vectors = np.linalg.eigh(fit.covariance / deviation / deviation[:, None])
    forward, back = np.zeros((8, 8)), np.zeros((8, 8))
    for value, vector in zip(eigenvalues, vectors.T, strict=True):
        value = max(value, EIGENVALUE_FLOOR)
        forward += np.outer(vector, vector) / value**0.5
        back += np.outer(vector, vector) * value**0.5
    np.testing.assert_allclose(fit.whitening()[0], forward, atol=1e-10)
    np.testing.assert_allclose(fit.whitening()[1], back, atol=1e-10)


def test_whitening_keeps_each_dimension_where_it_was():
    x = correlated()
    z = whitened(x, Standardisation.of(x))
    own = np.array([[np.corrcoef(x[:, i], z[:, j])[0, 1] for j in range(8)] for i in range(8)])
    rotation = np.linalg.qr(np.random.default_rng(0).normal(size=(8, 8)))[0]
    rotated = z @ rotation  # white as well
    other = [np.corrcoef(x[:, i], rotated[:, i])[0, 1] for i in range(8)]
    assert np.trace(own) > sum(other)


def test_directions_without_variance_are_stretched_by_the_floor_at_most():
    letters = np.eye(4, dtype=np.float32)[np.random.default_rng(0).integers(0, 4, 5000)]  # they sum to one
    x = np.hstack([letters, np.full((5000, 1), 3, np.float32)])
    fit = Standardisation.of(x)
    whitening, colouring = fit.whitening()
    assert np.linalg.eigvalsh(whitening).max() == pytest.approx(EIGENVALUE_FLOOR**-0.5)
    np.testing.assert_allclose(whitening @ colouring, np.eye(5), atol=1e-9)
    z = whitened(x, fit)
    assert np.abs(z).max() < 10
    spectrum = np.linalg.eigvalsh(np.cov(z, rowvar=False, bias=True))
    np.testing.assert_allclose(spectrum, [0, 0, 1, 1, 1], atol=1e-6)
