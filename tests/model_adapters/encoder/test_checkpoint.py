from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import multimolecule
import pytest
import torch
from multimolecule import RnaTokenizer
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from tokenizers.models import WordLevel

from harness.adapter import ModelOptions
from harness.errors import InputError
from model_adapters.encoder import checkpoint
from model_adapters.encoder.adapter import EncoderAdapter
from model_adapters.encoder.checkpoint import random_network, trained_network
from model_adapters.encoder.entry import STAND_IN, Entry
from tests.model_adapters.conftest import reduced, upstream
from tests.model_adapters.encoder.token_models import MODELS, authors_vocabulary, entry_of, upstream_model

RINALMO = reduced("rinalmo-micro")


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("saved") / "rinalmo"
    upstream(RINALMO, seed=5).save_pretrained(folder)
    RnaTokenizer().save_pretrained(folder)
    return folder


@pytest.fixture
def folder(saved: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(saved, tmp_path / "weights"))


def refusal(folder: Path, entry: Entry = RINALMO) -> str:
    with pytest.raises(InputError) as raised:
        trained_network(entry, folder)
    assert "\n" not in str(raised.value)
    assert str(folder) in str(raised.value)
    return str(raised.value)


def rewrite(folder: Path, **changes: torch.Tensor | None) -> None:
    tensors = load_file(folder / "model.safetensors")
    for name, tensor in changes.items():
        tensors.pop(name, None)
        if tensor is not None:
            tensors[name] = tensor
    save_file(tensors, folder / "model.safetensors")


def test_every_architecture_comes_back_as_it_was_saved(entry: Entry, tmp_path: Path) -> None:
    original = upstream(entry, seed=3)
    original.save_pretrained(tmp_path)
    loaded = trained_network(entry, tmp_path)
    assert not loaded.training
    for name, tensor in original.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], tensor), name


def test_random_weights_depend_on_the_initialisation_and_not_on_what_was_imported_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    expected = random_network(RINALMO, 0).state_dict()

    class FreshLibrary:
        """Draws random numbers as it is imported, which multimolecule does, the first time."""

        def __getattr__(self, name: str) -> Any:
            torch.rand(3)
            return getattr(multimolecule, name)

    def first_import(name: str) -> Any:
        torch.rand(3)
        return FreshLibrary()

    monkeypatch.setattr(checkpoint, "import_module", first_import)
    again, other = random_network(RINALMO, 0).state_dict(), random_network(RINALMO, 1).state_dict()
    assert all(torch.equal(again[name], tensor) for name, tensor in expected.items())
    assert not all(torch.equal(other[name], tensor) for name, tensor in expected.items())


def test_half_precision_and_sharded_files_are_read(saved: Path, tmp_path: Path) -> None:
    upstream(RINALMO, seed=5).half().save_pretrained(tmp_path, max_shard_size="20KB")
    assert len(list(tmp_path.glob("*.safetensors"))) > 1
    whole, sharded = trained_network(RINALMO, saved).state_dict(), trained_network(RINALMO, tmp_path).state_dict()
    for name, tensor in whole.items():
        assert sharded[name].dtype == torch.float32
        assert torch.equal(sharded[name], tensor.half().float())


def test_missing_unexpected_and_resized_weights_are_named(folder: Path) -> None:
    rewrite(
        folder,
        **{
            "model.encoder.layer_norm.bias": None,
            "model.surplus.weight": torch.zeros(2),
            "model.encoder.layer.0.layer_norm.bias": torch.zeros(33),
        },
    )
    said = refusal(folder)
    assert "1 missing (model.encoder.layer_norm.bias)" in said
    assert "1 unexpected (model.surplus.weight)" in said
    assert "1 of another shape (model.encoder.layer.0.layer_norm.bias)" in said


def test_only_the_first_names_are_listed(folder: Path) -> None:
    rewrite(folder, **{f"model.surplus.{number}": torch.zeros(2) for number in range(9)})
    assert "9 unexpected (model.surplus.0, model.surplus.1, model.surplus.2)" in refusal(folder)


def test_heads_on_the_card_may_be_there_or_not(folder: Path) -> None:
    rewrite(folder, **{"model.pooler.dense.bias": torch.zeros(32)})
    trained_network(RINALMO, folder)


def test_another_architecture_and_another_size(folder: Path) -> None:
    assert "contains a rinalmo model, but rnafm is a rnafm" in refusal(folder, reduced("rnafm"))
    assert "hidden_size 32, but rinalmo-micro has 64" in refusal(folder, reduced("rinalmo-micro", hidden_size=64))


@pytest.mark.parametrize(("kept", "damage"), [(2000, "truncated"), (4, "header"), (0, "empty")])
def test_damaged_files(folder: Path, kept: int, damage: str) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:kept])
    assert "is damaged" in refusal(folder), damage


def test_a_file_that_is_no_safetensors(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(b"<!DOCTYPE html>" * 100)
    assert "is damaged" in refusal(folder)


def test_a_header_that_the_library_refuses(folder: Path) -> None:
    path = folder / "model.safetensors"
    content = path.read_bytes()
    path.write_bytes(content.replace(b'"F32"', b'"XYZ"', 1))
    assert "is damaged" in refusal(folder)
    path.write_bytes(content + b"more")
    assert "bytes, and its tensors need" in refusal(folder)


@pytest.mark.parametrize("text", ["{", "[1]", ""])
def test_configurations_that_are_no_object(folder: Path, text: str) -> None:
    (folder / "config.json").write_text(text)
    assert "config.json is not a JSON object" in refusal(folder)


def test_a_configuration_that_makes_no_sense(folder: Path) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "vocab_size": "many"}))
    assert "does not describe a rinalmo" in refusal(folder)


def test_another_vocabulary(folder: Path) -> None:
    tokens = (folder / "vocab.txt").read_text().split()
    tokens[6], tokens[9] = tokens[9], tokens[6]
    (folder / "vocab.txt").write_text("\n".join(tokens))
    assert "is not the vocabulary" in refusal(folder)


@pytest.mark.parametrize("swapped", [False, True])
def test_the_vocabulary_of_a_tokenizer_json(folder: Path, swapped: bool) -> None:
    tokens = (folder / "vocab.txt").read_text().split()
    (folder / "vocab.txt").unlink()
    if swapped:
        tokens[6], tokens[9] = tokens[9], tokens[6]
    vocabulary = {token: number for number, token in enumerate(tokens)}
    Tokenizer(WordLevel(vocabulary, unk_token="<unk>")).save(str(folder / "tokenizer.json"))
    if swapped:
        assert "tokenizer.json is not the vocabulary" in refusal(folder)
    else:
        trained_network(RINALMO, folder)


def test_random_weights_come_from_the_seed_alone(entry: Entry) -> None:
    torch.manual_seed(1)
    before = torch.get_rng_state()
    one = random_network(entry, 0).state_dict()
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    again, other = random_network(entry, 0).state_dict(), random_network(entry, 1).state_dict()
    assert all(torch.equal(again[name], tensor) for name, tensor in one.items())
    assert not torch.equal(
        other["model.embeddings.word_embeddings.weight"], one["model.embeddings.word_embeddings.weight"]
    )


def test_the_adapter_finds_the_folder_it_is_given(saved: Path) -> None:
    adapter = EncoderAdapter(RINALMO, ModelOptions(weights=saved))
    assert len(dict(adapter.hidden_states(["ACGU"], [3]))[0][3]) == 4


@pytest.mark.parametrize("name", MODELS)
def test_every_tokenisation_comes_back_as_it_was_saved(name: str, tmp_path: Path) -> None:
    original = upstream_model(name, seed=3)
    original.save_pretrained(tmp_path)
    entry = entry_of(name)
    if entry.tokens.kind == "byte pair":
        shutil.copy(STAND_IN, tmp_path / "tokenizer.json")
    loaded = trained_network(entry, tmp_path)
    for key, tensor in original.state_dict().items():
        assert torch.equal(loaded.state_dict()[key], tensor), key
    sequence = "MKVLAA" if name == "esm2" else "ACGUAC"
    ((_, states),) = EncoderAdapter(entry, ModelOptions(weights=tmp_path)).hidden_states([sequence], [-1])
    assert states[-1].shape == (6, 32)


def test_protein_weights_as_older_versions_saved_them(tmp_path: Path) -> None:
    model = upstream_model("esm2", seed=3)
    model.save_pretrained(tmp_path)
    frequencies = torch.tensor([1.0, 0.5, 0.25, 0.125])
    older: dict[str, torch.Tensor | None] = {
        f"esm.encoder.layer.{i}.attention.self.rotary_embeddings.inv_freq": frequencies.clone() for i in (0, 1)
    }
    older["esm.embeddings.position_ids"] = torch.arange(130)[None]
    older["esm.encoder.layer.*.attention.self.rotary_embeddings.inv_freq"] = None  # so today's version writes it
    older["esm.contact_head.regression.bias"] = None
    rewrite(tmp_path, **older)
    loaded = trained_network(entry_of("esm2"), tmp_path)
    # what is in the file counts, because it may have been rounded before training
    assert torch.equal(loaded.state_dict()["esm.rotary_embeddings.inv_freq"], frequencies)
    rewrite(tmp_path, **{"esm.encoder.layer.0.attention.self.query.bias": None})
    with pytest.raises(InputError, match=r"1 missing \(esm.encoder.layer.0.attention.self.query.bias\)"):
        trained_network(entry_of("esm2"), tmp_path)


def test_a_vocabulary_in_another_order_is_refused(tmp_path: Path) -> None:
    upstream_model("nucleotide-transformer").save_pretrained(tmp_path)
    tokens = authors_vocabulary("nucleotide-transformer")
    (tmp_path / "vocab.txt").write_text("\n".join(tokens))
    trained_network(entry_of("nucleotide-transformer"), tmp_path)
    tokens[-5:-1] = sorted(tokens[-5:-1])
    (tmp_path / "vocab.txt").write_text("\n".join(tokens))
    with pytest.raises(InputError, match=r"vocab.txt is not the vocabulary"):
        trained_network(entry_of("nucleotide-transformer"), tmp_path)
