"""The measures of recovery: perfect for the truth itself, and as counted by hand for what lacks something."""

import numpy as np
import pytest
import torch

from tasks.sae.autoencoder.config import SAEConfig
from tasks.sae.autoencoder.model import SparseAutoencoder
from tasks.sae.planted.measures import absorption, direction_cosines, recovery
from tasks.sae.planted.truth import PlantedSettings, PlantedTruth

# as many features as dimensions, orthogonal and without noise: a linear map reads off what fires
SETTINGS = PlantedSettings(width=16, features=16, active=2.0, groups=4, children=0.25, noise=0.0)


class Orthogonal(PlantedTruth):
    directions = np.eye(16, dtype=np.float32)


TRUTH = Orthogonal(SETTINGS)


def knowing(extra=0, standardise="zscore"):
    """An autoencoder that reads every planted feature, then ``extra`` copies of the first, at half its strength."""
    autoencoder = SparseAutoencoder(
        16,
        SAEConfig(features=16 + extra, k=2, activation="relu", standardise=standardise),
        0,
        standardisation=TRUTH.standardisation,
    )
    rows = torch.eye(16)[[*range(16), *[0] * extra]]
    with torch.no_grad():
        # in standardised coordinates: a unit row of the raw space, and its dual to read it
        decoder = autoencoder.to_standardised(rows)
        lengths = decoder.norm(dim=1, keepdim=True)
        autoencoder.decoder.copy_(decoder / lengths)
        readers = rows * autoencoder.scale
        if standardise == "whiten":
            readers = readers @ autoencoder.colouring
        autoencoder.encoder.copy_(readers * lengths)
        offset = torch.from_numpy(TRUTH.offset)
        autoencoder.encoder_bias.copy_(-(autoencoder.encoder @ autoencoder.standardise(offset)) - 1e-3)
    return autoencoder


@pytest.mark.parametrize("standardise", ["zscore", "whiten"])
def test_the_truth_recovers_itself(standardise):
    found = recovery(knowing(standardise=standardise), TRUTH, 5000, 0)
    assert found.recovered == 1 and found.cosine == pytest.approx(1, abs=1e-4)
    assert found.precision > 0.99 and found.recall > 0.98
    assert found.splitting == 0 and found.absorption == pytest.approx(0, abs=0.01)


def test_a_lost_feature_counts_in_every_measure():
    autoencoder = knowing()
    with torch.no_grad():
        autoencoder.encoder_bias[3] = -100  # silent
        autoencoder.decoder[5] = torch.nn.functional.normalize(torch.ones(16), dim=0)  # points elsewhere
    found = recovery(autoencoder, TRUTH, 5000, 0)
    assert found.recovered == pytest.approx(15 / 16)
    assert found.recall == pytest.approx(15 / 16, abs=0.02) and found.precision == pytest.approx(15 / 16, abs=0.02)


def test_copies_are_splitting_and_not_recovery():
    found = recovery(knowing(extra=4), TRUTH, 2000, 0)
    assert found.recovered == 1 and found.splitting == pytest.approx(4 / 16)


def test_cosines_are_measured_in_the_space_of_the_states():
    cosines = direction_cosines(knowing(standardise="whiten"), TRUTH.directions)
    np.testing.assert_allclose(np.diag(cosines), 1, atol=1e-4)
    np.testing.assert_allclose(cosines - np.diag(np.diag(cosines)), 0, atol=1e-2)


def test_absorption_is_the_excess_silence_of_the_parent():
    # feature 1 is the child of 0; the parent is found at 1 of 4 places with the child, and at 2 of 4 without
    true = np.array([[1, 1]] * 4 + [[1, 0]] * 4 + [[0, 0]] * 3, dtype=bool)
    fires = np.array([[1, 1]] + [[0, 1]] * 3 + [[1, 0]] * 2 + [[0, 0]] * 2 + [[1, 1]] * 3, dtype=bool)
    assert absorption(true, fires, np.array([-1, 0])) == pytest.approx(3 / 4 - 2 / 4)
    assert np.isnan(absorption(true, fires, np.array([-1, -1])))
