import pytest
from pydantic import ValidationError

from tasks.sae.autoencoder.config import PRESETS, SAEConfig


def test_learning_rate_follows_the_number_of_features():
    assert SAEConfig(features=2**14).peak_learning_rate == pytest.approx(2e-4)
    assert SAEConfig(features=2**12).peak_learning_rate == pytest.approx(4e-4)
    assert SAEConfig(learning_rate=0.5).peak_learning_rate == 0.5


@pytest.mark.parametrize(
    "settings",
    [{"k": 2000}, {"prefixes": (8, 8)}, {"prefixes": (2048,)}, {"prefixes": (0, 4)}, {"steps": 0}, {"colour": "red"}],
)
def test_settings_that_make_no_sense_are_refused(settings):
    with pytest.raises(ValidationError):
        SAEConfig(**settings)


def test_presets():
    paper = PRESETS["sae-rna"]
    assert (paper.activation, paper.sparsity_weight, paper.learning_rate) == ("relu", 3e-3, 1e-3)
    assert (paper.weight_decay, paper.schedule, paper.batch_size, paper.clip) == (1e-4, "cosine", 1024, 1.0)
