"""Checkpoints as older and newer libraries spell them: every architecture, under every spelling."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from harness.adapter import ModelOptions
from harness.datasets.records import DatasetCard, Record, build_dataset
from harness.errors import InputError, NotApplicable
from harness.progress import Progress
from harness.run.cell import Cell, run_cell
from harness.task import TaskCard
from model_adapters.catalog.models import ENTRIES
from model_adapters.encoder.adapter import EncoderAdapter
from model_adapters.encoder.checkpoint import random_network, trained_network
from model_adapters.encoder.entry import STAND_IN, Entry
from model_adapters.encoder.pretrained import from_folder
from model_adapters.encoder.spelling import Spelling, same_norms
from model_adapters.rnamsm.adapter import RNA_MSM, RnaMsmAdapter
from tests.fakes import FakeTask
from tests.model_adapters.encoder.saved_models import SAVED
from tests.model_adapters.encoder.saved_models import saved as saved_by_transformers

SIZES = {"num_hidden_layers": 2, "num_attention_heads": 2, "hidden_size": 8, "intermediate_size": 12}
SPELLINGS = ("today's", "the model's own name", "a bare encoder", "TensorFlow's norms", "other norms")


def small(entry: Entry) -> Entry:
    sizes = {key: value for key, value in SIZES.items() if key != "num_attention_heads" or entry.architecture.attention}
    return entry.model_copy(update={"config": {**entry.config, **sizes}})


ARCHITECTURES = {entry.architecture_name: small(entry) for entry in (*ENTRIES.values(), RNA_MSM)}


def respelled(entry: Entry, network: nn.Module, spelling: str) -> dict[str, Tensor]:
    """The tensors of a network under the names of another time."""
    own = f"{entry.architecture.encoder}." if entry.architecture.encoder else ""
    tensors = {name: tensor.clone().contiguous() for name, tensor in network.state_dict().items()}
    if spelling == "a bare encoder":
        return {name.removeprefix(own): tensor for name, tensor in tensors.items() if name.startswith(own)}
    if spelling == "the model's own name":
        before = f"{entry.architecture.model_type}."
        changed = {name: before + name.removeprefix(own) if name.startswith(own) else name for name in tensors}
    elif spelling == "TensorFlow's norms":
        changed = {name: name.replace("orm.weight", "orm.gamma").replace("orm.bias", "orm.beta") for name in tensors}
    elif spelling == "other norms":
        swapped = (("LayerNorm", "layer_norm"), ("layer_norm", "LayerNorm"))
        changed = {
            name: next((name.replace(here, there) for here, there in swapped if here in name), name) for name in tensors
        }
    else:
        changed = {name: name for name in tensors}
    return {changed[name]: tensor for name, tensor in tensors.items()}


def write(folder: Path, entry: Entry, network: nn.Module, tensors: dict[str, Tensor]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    config: Any = network.config
    (folder / "config.json").write_text(json.dumps(config.to_dict(), default=str))
    save_file(tensors, folder / "model.safetensors")
    if entry.tokens.kind == "byte pair":
        shutil.copy(STAND_IN, folder / "tokenizer.json")
    return folder


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_architecture_loads_under_every_spelling(name: str, tmp_path: Path) -> None:
    entry = ARCHITECTURES[name]
    original = random_network(entry, 7)
    own = f"{entry.architecture.encoder}." if entry.architecture.encoder else ""
    for spelling in SPELLINGS:
        folder = write(tmp_path / spelling, entry, original, respelled(entry, original, spelling))
        adapter = (RnaMsmAdapter if entry is ARCHITECTURES["rnamsm"] else EncoderAdapter)(entry, ModelOptions(folder))
        # the head of a causal model that is the embedding itself needs no tensor of its own
        lost = {"log_probs", "unmasked_log_probs", "replace_hidden"} if spelling == "a bare encoder" else set()
        capabilities = (
            frozenset({"alignment", "attention", "hidden_states"}) if name == "rnamsm" else entry.card.capabilities
        )
        assert adapter.card.capabilities == capabilities - lost
        assert adapter.lost.keys() == capabilities & lost, spelling
        adapter.load()
        assert adapter._network is not None and adapter._network.fault_of_head is None
        loaded = adapter._network.model.state_dict()
        for key, tensor in original.state_dict().items():
            if key.startswith(own) or not lost:
                assert torch.equal(loaded[key], tensor), f"{spelling}: {key}"


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_no_two_tensors_of_an_architecture_are_one_in_another_spelling(name: str) -> None:
    expected = random_network(ARCHITECTURES[name], 0).state_dict()
    assert len({same_norms(key) for key in expected}) == len(expected)
    assert Spelling(ARCHITECTURES[name].architecture, expected).names == {key: key for key in expected}


@pytest.mark.parametrize("name", SAVED)
def test_models_of_transformers_load_under_every_spelling(name: str, tmp_path: Path) -> None:
    _, model = saved_by_transformers(name, tmp_path / "as saved")
    expected = from_folder("own", tmp_path / "as saved")(ModelOptions())
    ((_, right),) = expected.hidden_states(["ACGUAC"], [-1])
    saved = load_file(tmp_path / "as saved" / "model.safetensors")
    prefix = f"{model.base_model_prefix}."
    bare = {key.removeprefix(prefix): tensor for key, tensor in saved.items()}
    heads = {key for key in saved if not key.startswith(prefix)} if any(key.startswith(prefix) for key in saved) else {}
    kind = str(json.loads((tmp_path / "as saved" / "config.json").read_text())["model_type"])
    spellings = {
        "bare": {key: tensor for key, tensor in bare.items() if key not in heads},
        "named": {key if key in heads else f"{kind}.{key}": tensor for key, tensor in bare.items()},
        "model": {key if key in heads else f"model.{key}": tensor for key, tensor in bare.items()},
    }
    for spelling, tensors in spellings.items():
        folder = shutil.copytree(tmp_path / "as saved", tmp_path / spelling)
        save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
        adapter = from_folder("own", folder)(ModelOptions())
        ((_, states),) = adapter.hidden_states(["ACGUAC"], [-1])
        np.testing.assert_array_equal(states[-1], right[-1], err_msg=spelling)
        if heads and spelling != "bare":
            assert adapter.card.capabilities == expected.card.capabilities


@pytest.fixture(scope="module")
def rnabert(weights_folder: Path) -> tuple[Path, dict[str, Tensor], np.ndarray[Any, Any]]:
    folder = weights_folder / "rnabert"
    ((_, states),) = EncoderAdapter(ENTRIES["rnabert"], ModelOptions(folder)).hidden_states(["GGCACUUCGGUGCC"], [-1])
    return folder, load_file(folder / "model.safetensors"), states[-1]


def copied(folder: Path, to: Path, tensors: dict[str, Tensor]) -> EncoderAdapter:
    to.mkdir()
    for name in ("config.json", "vocab.txt"):
        shutil.copy(folder / name, to)
    save_file(tensors, to / "model.safetensors")
    return EncoderAdapter(ENTRIES["rnabert"], ModelOptions(to))


def test_real_weights_under_the_names_they_had_before(rnabert: Any, tmp_path: Path) -> None:
    folder, tensors, right = rnabert
    old = {name.replace("model.", "rnabert.", 1).replace("layer_norm", "LayerNorm"): t for name, t in tensors.items()}
    older = {name.replace("lm_head.", "pretrain_head.predictions."): tensor for name, tensor in old.items()}
    bare = {name.removeprefix("model."): t for name, t in tensors.items() if name.startswith("model.")}
    for spelling, named in {"old": old, "older": older, "bare": bare}.items():
        adapter = copied(folder, tmp_path / spelling, named)
        ((_, states),) = adapter.hidden_states(["GGCACUUCGGUGCC"], [-1])
        np.testing.assert_array_equal(states[-1], right, err_msg=spelling)
        if spelling != "bare":
            ((_, values),) = adapter.log_probs(["GGCACUUCGGUGCC"], [[3, 5]])
            assert np.allclose(np.exp(values).sum(axis=1), 1, atol=1e-5)
    assert "model.pooler (2 tensors)" in adapter.unread_tensors


SPLICEBERT = ARCHITECTURES["splicebert"]


@pytest.fixture
def plain(tmp_path: Path) -> tuple[nn.Module, dict[str, Tensor]]:
    network = random_network(SPLICEBERT, 1)
    return network, respelled(SPLICEBERT, network, "the model's own name")


def refusal(network: nn.Module, tensors: dict[str, Tensor], folder: Path) -> str:
    write(folder, SPLICEBERT, network, tensors)
    with pytest.raises(InputError) as raised:
        trained_network(SPLICEBERT, folder)
    assert "\n" not in str(raised.value) and str(folder) in str(raised.value)
    return str(raised.value)


def test_an_encoder_is_strict_under_every_spelling(plain: Any, tmp_path: Path) -> None:
    network, tensors = plain
    query = "encoder.layer.1.attention.self.query.bias"
    less = {name: tensor for name, tensor in tensors.items() if name != f"splicebert.{query}"}
    assert f"1 missing (model.{query})" in refusal(network, less, tmp_path)
    more = tensors | {"splicebert.encoder.layer.2.output.dense.bias": torch.zeros(8)}
    assert "1 unexpected (model.encoder.layer.2.output.dense.bias)" in refusal(network, more, tmp_path)
    other = tensors | {f"splicebert.{query}": torch.zeros(9)}
    assert f"1 of another shape (model.{query})" in refusal(network, other, tmp_path)
    bare = respelled(SPLICEBERT, network, "a bare encoder") | {"adapter.weight": torch.zeros(2)}
    assert "1 unexpected (model.adapter.weight)" in refusal(network, bare, tmp_path)


def test_a_second_encoder_beside_the_first_is_refused(plain: Any, tmp_path: Path) -> None:
    network, tensors = plain
    teacher = {name.replace("splicebert.", "model."): t.clone() for name, t in tensors.items() if "splicebert." in name}
    assert f"{len(teacher)} unexpected (splicebert." in refusal(network, tensors | teacher, tmp_path)
    one = {"model.encoder.layer.0.output.dense.bias": torch.zeros(8)}
    assert "1 there in two spellings" in refusal(network, tensors | one, tmp_path)
    norm = {"splicebert.embeddings.layer_norm.gamma": torch.ones(8)}
    assert "1 there in two spellings (model.embeddings.layer_norm.weight)" in refusal(network, tensors | norm, tmp_path)


def test_heads_are_named_and_no_error(plain: Any, tmp_path: Path) -> None:
    network, tensors = plain
    heads = {"ss_head.decoder.weight": torch.zeros(3, 8), "ss_head.decoder.bias": torch.zeros(3)}
    heads |= {"contact_head.weight": torch.zeros(2), "temperature": torch.zeros(1)}
    heads |= {"splicebert.pooler.dense.bias": torch.zeros(8)}
    folder = write(tmp_path, SPLICEBERT, network, tensors | heads)
    adapter = EncoderAdapter(SPLICEBERT, ModelOptions(folder))
    named = ("contact_head (1 tensor)", "model.pooler (1 tensor)", "ss_head (2 tensors)", "temperature (1 tensor)")
    assert adapter.unread_tensors == named
    record = run_cell(cell(adapter), tmp_path / "results", "cpu", Progress(quiet=True))
    assert record.status == "done" and record.model.unread_tensors == named


def cell(adapter: EncoderAdapter, task: Any = None) -> Cell:
    dataset = build_dataset(DatasetCard("two", "two sequences"), [Record("a", "ACGU")])
    task = task or FakeTask()
    return Cell(adapter, task, dataset, task.settings_type(), ModelOptions())


class Masking(FakeTask):
    """Asks for masked log-probabilities."""

    card: TaskCard = FakeTask.card.model_copy(update={"name": "masking", "requires": frozenset({"log_probs"})})


def test_a_checkpoint_without_a_head_loses_the_capability_with_the_reason(plain: Any, tmp_path: Path) -> None:
    network, tensors = plain
    headless = {name: tensor for name, tensor in tensors.items() if not name.startswith("lm_head.")}
    adapter = EncoderAdapter(SPLICEBERT, ModelOptions(write(tmp_path, SPLICEBERT, network, headless)))
    assert adapter.card.capabilities == SPLICEBERT.card.capabilities - {
        "log_probs",
        "unmasked_log_probs",
        "replace_hidden",
    }
    assert any("no language-model head" in quirk for quirk in adapter.card.quirks)
    with pytest.raises(
        NotApplicable, match="splicebert-human has no log probs: the weights hold no language-model head"
    ):
        adapter.log_probs(["ACGU"], [[1]])
    record = run_cell(cell(adapter, Masking()), tmp_path / "results", "cpu", Progress(quiet=True))
    assert record.status == "not-applicable"
    assert record.error is not None and record.error.endswith(
        "which masking requires: the weights hold no language-model head (no tensor of lm_head)"
    )


def test_half_a_head_is_an_error_where_it_is_asked_for_and_only_there(plain: Any, tmp_path: Path) -> None:
    network, tensors = plain
    half = {name: tensor for name, tensor in tensors.items() if name != "lm_head.transform.dense.weight"}
    half["lm_head.transform.layer_norm.bias"] = torch.zeros(5)
    adapter = EncoderAdapter(SPLICEBERT, ModelOptions(write(tmp_path, SPLICEBERT, network, half)))
    assert dict(adapter.hidden_states(["ACGU"], [-1]))[0][-1].shape == (4, 8)
    with pytest.raises(
        InputError, match=r"head of splicebert-human in .* has 1 missing .*dense.*; 1 of another shape"
    ) as r:
        list(adapter.log_probs(["ACGU"], [[1]]))
    assert "\n" not in str(r.value)


def test_tied_weights_are_whole_in_low_precision(plain: Any, tmp_path: Path) -> None:
    network, tensors = plain
    tied = {name: tensor for name, tensor in tensors.items() if name not in ("lm_head.decoder.weight", "lm_head.bias")}
    folder = write(tmp_path, SPLICEBERT, network, tied)
    adapter = EncoderAdapter(SPLICEBERT, ModelOptions(folder, "bfloat16"))
    assert dict(adapter.log_probs(["ACGU"], [[1]]))[0].shape == (1, 4)
