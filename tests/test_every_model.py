"""Every model of the catalog obeys every law: its architecture and its tokens, at reduced size with random weights."""

from __future__ import annotations

import pytest

from harness.adapter import ModelAdapter, ModelFactory, ModelOptions
from harness.conformance import check
from harness.registry import Registry
from model_adapters.catalog.models import ENTRIES
from model_adapters.encoder.adapter import EncoderAdapter
from model_adapters.encoder.entry import Entry
from model_adapters.models import MODELS as BASELINES
from model_adapters.rnamsm.adapter import RNA_MSM, RnaMsmAdapter

SMALL = {"num_hidden_layers": 2, "num_attention_heads": 4, "hidden_size": 32, "intermediate_size": 48}


def reduced(entry: Entry) -> Entry:
    """The same tokens, limits and options, with two narrow layers."""
    config = {key: SMALL.get(key, value) for key, value in entry.config.items()}
    return entry.model_copy(update={"config": config})


def random_encoder(entry: Entry) -> ModelFactory:
    return lambda options: EncoderAdapter(reduced(entry), options, 0)


def alignment_model(options: ModelOptions) -> ModelAdapter:
    return RnaMsmAdapter(reduced(RNA_MSM), options, 0)


def obeys_every_law(make: ModelFactory, least: int) -> None:
    verdicts = check(make)
    assert not [verdict for verdict in verdicts if verdict.outcome == "fail"]
    assert sum(verdict.outcome == "pass" for verdict in verdicts) >= least


@pytest.mark.parametrize("name", ENTRIES)
def test_catalog(name: str) -> None:
    obeys_every_law(random_encoder(ENTRIES[name]), least=18)


def test_alignment_model() -> None:
    obeys_every_law(alignment_model, least=16)


@pytest.mark.parametrize("name", [name for name in BASELINES if name not in ("precomputed:", "rna-msm")])
def test_baseline(name: str) -> None:
    if not BASELINES[name](ModelOptions()).available():
        pytest.skip(f"{name} is not installed on this machine")
    obeys_every_law(BASELINES[name], least=10)


@pytest.mark.parametrize("name", ["ncrna-nano", "ncrna-nano:random"])
def test_the_packaged_model_at_full_size(name: str) -> None:
    registry = Registry.discover()
    obeys_every_law(lambda options: registry.model(name, options), least=18)
