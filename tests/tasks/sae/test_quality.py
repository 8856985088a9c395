"""Quality numbers in closed form, streamed as well as at once."""

import numpy as np
import pytest
import torch

from harness.adapter import ModelAdapter, ModelCard
from harness.errors import InputError
from tasks.sae.autoencoder.config import SAEConfig
from tasks.sae.autoencoder.model import SparseAutoencoder
from tasks.sae.quality import QualityMeter, losses_recovered, measure
from tests.tasks.sae.autoencoder.test_model import correlated_autoencoder
from tests.tasks.sae.planted import ready, sample, standard


def identity(width=8):
    """relu(x) - relu(-x): reconstructs everything."""
    autoencoder = SparseAutoencoder(
        width, SAEConfig(features=2 * width, k=1, activation="relu"), 0, standardisation=standard(width, 0.5, 2.0)
    )
    with torch.no_grad():
        both = torch.cat([torch.eye(width), -torch.eye(width)])
        autoencoder.encoder.copy_(both)
        autoencoder.decoder.copy_(both)
    return autoencoder


def silent(width=8):
    """Reconstructs the mean."""
    autoencoder = identity(width)
    with torch.no_grad():
        autoencoder.encoder_bias.fill_(-1e6)
    return autoencoder


def test_fve_of_the_identity_is_one_and_of_the_mean_zero():
    x = sample(300, 8)
    good, bad = measure(identity(), [x]), measure(silent(), [x])
    assert good.fve_raw == pytest.approx(1) and good.fve_standardised == pytest.approx(1)
    assert bad.fve_raw == pytest.approx(0, abs=1e-6) and bad.fve_standardised == pytest.approx(0, abs=1e-6)
    assert (good.l0, bad.l0, good.dead_share, bad.dead_share) == (8, 0, 0, 1)


def test_fve_does_not_depend_on_scale():
    random = np.random.default_rng(0)
    from harness.activations.standardisation import Standardisation

    mean, deviation = random.normal(size=16), random.uniform(1, 3, 16)
    values = []
    for scale in (1.0, 1000.0):
        autoencoder = ready()
        autoencoder.set_standardisation(Standardisation(mean * scale, np.diag(deviation * scale) ** 2, 1, None))
        values.append(measure(autoencoder, [sample(400, 16) * scale]))
    assert values[0].fve_raw == pytest.approx(values[1].fve_raw, rel=1e-4)
    assert values[0].fve_standardised == pytest.approx(values[1].fve_standardised, rel=1e-4)
    assert values[0].fve_raw != pytest.approx(values[0].fve_standardised, abs=1e-4)


def test_streamed_sums_equal_the_formula():
    autoencoder, x = ready(), sample(1000, 16)
    meter = QualityMeter(autoencoder)
    for part in x.split(77):
        meter.add(part)
    quality = meter.result()
    reconstruction, code = autoencoder.reconstruct(x), autoencoder.encode(x).to_dense()
    error, distance = (x - reconstruction).double(), (x - 0.5).double()
    assert quality.fve_raw == pytest.approx(float(1 - error.square().sum() / distance.square().sum()), rel=1e-5)
    assert quality.l0 == pytest.approx(float((code > 0).sum(1).double().mean()))
    density = (code > 0).double().mean(0)
    assert quality.dead_share == pytest.approx(float((density == 0).double().mean()))
    assert quality.nucleotides == 1000 and sum(quality.densities) == 64
    assert quality.densities[-1] == int((density > 0.1).sum())
    assert quality.densities[-2] == int(((density > 0.01) & (density <= 0.1)).sum())
    assert quality.numbers()["l0"] == quality.l0


def test_variance_explained_of_whitened_states_is_given_in_both_spaces():
    autoencoder, x = correlated_autoencoder()
    quality = measure(autoencoder, x.split(500))
    reconstruction = autoencoder.reconstruct(x)
    raw, white = (
        1 - float((a - b).double().square().sum() / (a - a.mean(0)).double().square().sum())
        for a, b in ((x, reconstruction), (autoencoder.standardise(x), autoencoder.standardise(reconstruction)))
    )
    assert quality.fve_raw == pytest.approx(raw, abs=1e-4)
    assert quality.fve_standardised == pytest.approx(white, abs=1e-4)
    assert abs(raw - white) > 0.05


def test_quality_of_nothing():
    with pytest.raises(InputError, match="at least one nucleotide"):
        measure(identity(), [])


class Letters(ModelAdapter):
    """Predicts the masked letter from the mean state of the others; of a homopolymer they hold the right answer."""

    card = ModelCard(
        name="letters",
        summary="",
        architecture="none",
        capabilities=frozenset(["log_probs", "replace_hidden"]),
        layers=2,
        width=8,
    )

    def __init__(self):
        self.layers = set()
        self.masked = {}

    def identity(self):
        return "letters"

    def log_probs(self, sequences, positions, replacement=None):
        for index in reversed(range(len(sequences))):
            sequence = sequences[index]
            hidden = np.zeros((len(sequence), 8), dtype=np.float32)
            for i, letter in enumerate(sequence):
                hidden[i, "ACGUN".index(letter)] = 3
            if replacement is not None:
                self.layers.add(replacement.layer)
                before = hidden.copy()
                hidden = replacement.function(index, hidden.copy())
                kept = [*positions[index], *(i for i, letter in enumerate(sequence) if letter == "N")]
                assert np.array_equal(hidden[kept], before[kept])
            self.masked[index] = positions[index]
            others = [i for i, letter in enumerate(sequence) if letter != "N" and i not in positions[index]]
            logits = np.repeat(hidden[others, :4].mean(0, keepdims=True), len(positions[index]), 0).astype(np.float64)
            yield index, (logits - np.log(np.exp(logits).sum(1, keepdims=True))).astype(np.float32)


SEQUENCES = ["AAAANAAAAN" * 4, "GGGGGGGGGG", "NNN", "A", "CC"]


def below_the_last(autoencoder):
    autoencoder.layer = 1
    return autoencoder


def test_loss_recovered_is_one_for_the_identity_and_zero_for_the_mean():
    model = Letters()
    (good,), (bad,) = (losses_recovered([below_the_last(a)], model, SEQUENCES) for a in (identity(), silent()))
    clean = np.log(np.exp(3) + 3) - 3
    assert good.clean == pytest.approx(clean, rel=1e-5) and good.ablated == pytest.approx(np.log(4), rel=1e-5)
    assert good.recovered == pytest.approx(1, abs=1e-5) and bad.recovered == pytest.approx(0, abs=1e-5)
    assert good.nucleotides == round(0.15 * 32) + round(0.15 * 10) + 1
    assert model.layers == {1}
    assert all(SEQUENCES[0][i] == "A" for i in model.masked[0])


def test_loss_recovered_is_not_clipped():
    worse = below_the_last(silent())
    with torch.no_grad():
        worse.decoder_bias.copy_(torch.tensor([-2.0, 1, 1, 1, 0, 0, 0, 0]))
    assert losses_recovered([worse], Letters(), ["A" * 30])[0].recovered < 0


def test_loss_recovered_of_unknown_sequences():
    with pytest.raises(InputError, match="two nucleotides other than N"):
        losses_recovered([below_the_last(identity())], Letters(), ["NN", "A"])


def test_loss_recovered_is_not_defined_at_the_last_layer():
    with pytest.raises(InputError, match="a layer below the last"):
        losses_recovered([identity()], Letters(), SEQUENCES)
