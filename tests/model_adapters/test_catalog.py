from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydantic import ValidationError

import model_adapters.catalog
from harness.adapter import ModelOptions
from model_adapters.catalog import ENTRIES, MODELS, read_catalog

ARCHITECTURE = """
[architectures.new]
model_class = "NewForMaskedLM"
config_class = "NewConfig"
model_type = "new"
encoder = "model"
embeddings = "model.embeddings"
blocks = "model.encoder.layer"
attention = "attention.self"
"""
MODEL = """
[models.new-small]
architecture = "new"
hub_id = "someone/new-small"
revision = "main"
summary = "a new model"
max_length = 100
parameters = 10
corpus = "unknown"
licence = "unknown"
citation = "none"
config = { num_hidden_layers = 2, num_attention_heads = 4, hidden_size = 8 }
"""


def test_the_known_models_are_there_and_aliases_lead_to_the_same() -> None:
    known = "rinalmo-giga rinalmo-mega rinalmo-micro rnafm rnabert ernierna rnaernie splicebert utrlm ncrna-nano"
    assert set(known.split()) <= set(MODELS)
    assert MODELS["rinalmo"](ModelOptions()).card == MODELS["rinalmo-giga"](ModelOptions()).card
    for name in ENTRIES:
        assert MODELS[name](ModelOptions()).card.name == name


def test_an_entry_is_all_a_new_model_needs(tmp_path: Path) -> None:
    path = tmp_path / "catalog.toml"
    path.write_text(ARCHITECTURE + MODEL)
    card = read_catalog(path)["new-small"].card
    assert (card.layers, card.heads, card.width, card.architecture) == (2, 4, 8, "new")
    # no lm_head in the architecture, no log_probs
    assert card.capabilities == {"hidden_states", "attention", "leading"}
    path.write_text(ARCHITECTURE + 'lm_head = "lm_head"' + MODEL)
    assert "log_probs" in read_catalog(path)["new-small"].card.capabilities


def test_faults_of_a_catalog(tmp_path: Path) -> None:
    path = tmp_path / "catalog.toml"
    path.write_text(ARCHITECTURE + 'colour = "red"' + MODEL)
    with pytest.raises(ValidationError, match="colour"):
        read_catalog(path)
    path.write_text(ARCHITECTURE + MODEL.replace("max_length = 100", ""))
    with pytest.raises(ValidationError, match="max_length"):
        read_catalog(path)
    path.write_text(ARCHITECTURE + MODEL.replace('"new"', '"old"'))
    with pytest.raises(KeyError, match="old"):
        read_catalog(path)


@pytest.mark.parametrize("name", ENTRIES)
def test_cards_count_the_parameters_that_are_there(name: str) -> None:
    import multimolecule
    import torch

    entry = ENTRIES[name]
    with torch.device("meta"):
        config = getattr(multimolecule, entry.architecture.config_class)(**entry.config)
        network = getattr(multimolecule, entry.architecture.model_class)(config)
    assert sum(parameter.numel() for parameter in network.parameters()) == entry.parameters
    assert config.model_type == entry.architecture.model_type


def test_the_packaged_model_is_the_one_in_the_catalog() -> None:
    entry = ENTRIES["ncrna-nano"]
    assert entry.packaged is not None
    path = Path(model_adapters.catalog.__file__).with_name(entry.packaged) / "config.json"
    if not path.is_file():
        pytest.skip("the packaged weights are not in this checkout")
    config = json.loads(path.read_text())
    assert {key: config[key] for key in entry.config} == entry.config
