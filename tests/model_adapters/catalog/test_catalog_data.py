"""What the catalog says of its models, against the networks that the libraries build from it."""

from __future__ import annotations

import importlib
import re
from functools import cache
from typing import Any

import pytest

from harness.adapter import ModelCard, ModelOptions
from harness.errors import InputError, Unavailable
from model_adapters.arrays import external
from model_adapters.catalog.models import ENTRIES, MODELS
from model_adapters.encoder.adapter import EncoderAdapter
from model_adapters.encoder.entry import Entry
from tests.model_adapters.conftest import REDUCED

REVIEWED = """
rinalmo-micro rinalmo-mega rinalmo-giga rnafm rnaernie ernierna rnabert utrlm-te_el utrlm-mrl splicebert
splicebert-human splicebert-510 utrbert-3mer utrbert-4mer utrbert-5mer utrbert-6mer calm dnabert-3mer dnabert-4mer
dnabert-5mer dnabert-6mer dnabert2 dnaberts nt-500m-human-ref nt-500m-1000g nt-2.5b-multi-species hyenadna-tiny
hyenadna-small hyenadna-medium hyenadna-large esm2-8m esm2-35m esm2-150m esm2-650m esm2-3b esm2-15b
"""
CARDS = {name: make(ModelOptions()).card for name, make in {**MODELS, **external.MODELS}.items()}
LONGEST_RUN = 6000  # nucleotides that a reduced network reads in a moment


@cache
def network(name: str) -> Any:
    """The full-size network of an entry, without memory for its weights."""
    import torch

    architecture = ENTRIES[name].architecture
    library = importlib.import_module(architecture.library)
    with torch.device("meta"):
        config = getattr(library, architecture.config_class)(**ENTRIES[name].config)
        return getattr(library, architecture.model_class)(config)


def reduced(name: str) -> Entry:
    config = ENTRIES[name].config
    small = {key: value for key, value in REDUCED.items() if key in config}
    return ENTRIES[name].model_copy(update={"config": {**config, **small}})


def test_every_model_of_the_review_is_there() -> None:
    assert set(REVIEWED.split()) <= set(MODELS)
    assert not set(MODELS) & set(external.MODELS)


@pytest.mark.parametrize("name", ENTRIES)
def test_parameters_layers_heads_and_width_are_those_of_the_network(name: str) -> None:
    card, architecture, built = CARDS[name], ENTRIES[name].architecture, network(name)
    assert sum(parameter.numel() for parameter in built.parameters()) == card.parameters
    blocks = list(built.get_submodule(architecture.blocks).children())
    assert len(blocks) == card.layers
    assert built.get_input_embeddings().embedding_dim == card.width
    if architecture.attention:
        attention = blocks[0].get_submodule(architecture.attention)
        assert attention.num_attention_heads == card.heads
    else:
        assert card.heads is None and "attention" not in card.capabilities


@pytest.mark.parametrize("name", ENTRIES)
def test_a_model_reads_what_its_card_calls_the_longest_and_no_more(name: str) -> None:
    entry = reduced(name)
    adapter = EncoderAdapter(entry, ModelOptions(), initialisation=0)
    longest, step = entry.max_length, adapter.card.length_multiple
    letters = "ARND" if entry.tokens.letters == "protein" else "ACGU"
    if longest <= LONGEST_RUN:
        sequence = (letters * longest)[:longest]
        ((_, states),) = adapter.hidden_states([sequence], [-1])
        assert states[-1].shape == (longest, entry.config["hidden_size"])
    with pytest.raises(InputError, match=str(longest)):
        list(adapter.hidden_states([(letters * longest)[: longest + step]], [-1]))


@pytest.mark.parametrize("card", CARDS.values(), ids=list(CARDS))
def test_cards_are_complete(card: ModelCard) -> None:
    assert card.group in ("diverse ncRNA", "special RNA", "unified", "DNA", "protein")
    assert card.summary and card.corpus and card.licence and card.citation and card.max_length
    own = "this package" in card.citation
    assert own or re.search(r"doi:10\.\d{4,}/\S+$", card.citation), card.citation
    assert (card.hub_id is None) == (card.revision is None)
    assert card.alphabet == ("protein" if card.group == "protein" else "nucleotide")


def test_parameters_in_names_and_summaries_are_near_those_counted() -> None:
    """A figure in a name is a rounded one: 8m, 2.5b, 650m."""
    named = {name: re.search(r"-(?:v2-)?([\d.]+)(m|b)(?:-|$)", name) for name in CARDS}
    found = {name: float(match[1]) * {"m": 1e6, "b": 1e9}[match[2]] for name, match in named.items() if match}
    assert len(found) >= 12
    for name, figure in found.items():
        assert CARDS[name].parameters == pytest.approx(figure, rel=0.2), name


@pytest.mark.parametrize("name", [name for name, entry in ENTRIES.items() if entry.hub_id])
def test_without_weights_the_hub_repository_and_the_command_are_named(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    monkeypatch.delenv("HARNESS_WEIGHTS", raising=False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    adapter = MODELS[name](ModelOptions())
    assert not adapter.available()
    with pytest.raises(Unavailable) as raised:
        adapter.identity()
    message = str(raised.value)
    assert f"`hf download {ENTRIES[name].hub_id} --revision main`" in message and "\n" not in message
    assert name in message and "--weights" in message
