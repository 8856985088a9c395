from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path

import pytest
from pydantic import ValidationError

import model_adapters.catalog.models
from harness.adapter import ModelOptions
from model_adapters.catalog.models import ENTRIES, MODELS, read_catalog

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
group = "unified"
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
    path = tmp_path / "any.toml"
    path.write_text(ARCHITECTURE + MODEL)
    card = read_catalog(tmp_path)["new-small"].card
    assert (card.layers, card.heads, card.width, card.architecture) == (2, 4, 8, "new")
    # no lm_head in the architecture, no log_probs
    assert card.capabilities == {"hidden_states", "attention", "leading"}
    path.write_text(ARCHITECTURE + 'lm_head = "lm_head"' + MODEL)
    assert "log_probs" in read_catalog(tmp_path)["new-small"].card.capabilities


def test_faults_of_a_catalog(tmp_path: Path) -> None:
    path = tmp_path / "any.toml"
    path.write_text(ARCHITECTURE + 'colour = "red"' + MODEL)
    with pytest.raises(ValidationError, match="colour"):
        read_catalog(tmp_path)
    path.write_text(ARCHITECTURE + MODEL.replace("max_length = 100", ""))
    with pytest.raises(ValidationError, match="max_length"):
        read_catalog(tmp_path)
    path.write_text(ARCHITECTURE + MODEL.replace('"new"', '"old"'))
    with pytest.raises(KeyError, match="old"):
        read_catalog(tmp_path)


def test_architectures_are_of_the_library_that_they_name() -> None:
    for architecture in {entry.architecture_name: entry.architecture for entry in ENTRIES.values()}.values():
        library = import_module(architecture.library)
        assert getattr(library, architecture.config_class).model_type == architecture.model_type


def test_a_name_in_two_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "one.toml").write_text(ARCHITECTURE + MODEL)
    (tmp_path / "two.toml").write_text(MODEL)
    with pytest.raises(ValueError, match=r"two.toml describes new-small twice"):
        read_catalog(tmp_path)


def test_the_packaged_model_is_the_one_in_the_catalog() -> None:
    entry = ENTRIES["ncrna-nano"]
    assert entry.packaged is not None
    path = Path(model_adapters.catalog.models.__file__).with_name(entry.packaged) / "config.json"
    if not path.is_file():
        pytest.skip("the packaged weights are not in this checkout")
    config = json.loads(path.read_text())
    assert {key: config[key] for key in entry.config} == entry.config
