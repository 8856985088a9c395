import pytest
from pydantic import ValidationError

from tasks.sae.autoencoder.config import PRESETS, SAEConfig


def test_learning_rate_follows_the_number_of_features():
    assert SAEConfig(features=2**14).peak_learning_rate == pytest.approx(2e-3)
    assert SAEConfig(features=2**12).peak_learning_rate == pytest.approx(4e-3)
    assert SAEConfig(learning_rate=0.5).peak_learning_rate == 0.5


@pytest.mark.parametrize(
    "settings",
    [{"k": 2000}, {"prefixes": (8, 8)}, {"prefixes": (2048,)}, {"prefixes": (0, 4)}, {"steps": 0}, {"colour": "red"}],
)
def test_settings_that_make_no_sense_are_refused(settings):
    with pytest.raises(ValidationError):
        SAEConfig(**settings)


def test_presets():
    paper = SAEConfig.for_width(1280, **PRESETS["sae-rna"])
    assert (paper.activation, paper.sparsity_weight, paper.learning_rate) == ("relu", 3e-3, 1e-3)
    assert (paper.weight_decay, paper.schedule, paper.batch_size, paper.clip) == (1e-4, "cosine", 1024, 1.0)
    assert SAEConfig.for_width(128, **PRESETS["default"]) == SAEConfig.for_width(128)
    assert SAEConfig.for_width(128, **PRESETS["wide"]) == SAEConfig.for_width(128, features=1024)
    assert SAEConfig.for_width(128, **PRESETS["demo"]).steps < SAEConfig.for_width(128).steps


@pytest.mark.parametrize(("width", "features", "k"), [(16, 64, 4), (128, 512, 4), (640, 2560, 20), (1280, 5120, 40)])
def test_size_follows_the_width(width, features, k):
    config = SAEConfig.for_width(width)
    assert (config.features, config.k, config.standardise) == (features, k, "whiten")
    assert SAEConfig.for_width(width, features=8 * width).k == k


def test_the_rule_yields_to_what_is_asked_for():
    config = SAEConfig.for_width(128, k=9, frozen="decoder")
    assert (config.features, config.k, config.frozen) == (512, 9, "decoder")
    assert SAEConfig.for_width(128, features="2d", k=None) == SAEConfig.for_width(128, features=256)
