"""Build the network of a catalog entry, with random weights or strictly with those of a folder. Imports torch."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from fnmatch import fnmatchcase
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import nn

from harness.errors import InputError
from harness.storage.weights import safetensors_files
from model_adapters.encoder.entry import Entry
from model_adapters.encoder.tokens import token_reader, tokenizer_vocabulary

_SHAPE_FIELDS = ("num_hidden_layers", "num_attention_heads", "hidden_size")


def random_network(entry: Entry, initialisation: int) -> nn.Module:
    """The network with the library's own initialisation, drawn from ``initialisation`` alone."""
    return _build(entry, entry.config, initialisation)


def trained_network(entry: Entry, folder: Path) -> nn.Module:
    """The network with the weights of ``folder``, every one of them and no others.

    Raises:
        InputError: the folder holds another model, or a damaged one, or weights are missing or left over.
    """
    config = _read_config(entry, folder)
    shapes = _read_shapes(folder)
    try:
        network = _build(entry, config, initialisation=0)
    except (TypeError, ValueError, KeyError) as error:
        raise InputError(f"{folder / 'config.json'} does not describe a {entry.architecture_name}: {error}") from error
    _check_fit(entry, folder, network, shapes)
    state = {}
    for file in safetensors_files(folder):
        state.update({_current_name(name): tensor for name, tensor in load_file(file).items()})
    network.load_state_dict(state, strict=False)  # strictness was checked, tied weights and unused heads allowed for
    return network


def _build(entry: Entry, config: Mapping[str, Any], initialisation: int) -> nn.Module:
    architecture = entry.architecture
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # before the seed: the first import draws random numbers, and weights would depend on what ran before
        library = import_module(architecture.library)
        config_class = getattr(library, architecture.config_class)
        model_class = getattr(library, architecture.model_class)
        with _own_random_numbers(initialisation):
            network: nn.Module = model_class(config_class.from_dict(dict(config)))
    return network.float().eval().requires_grad_(False)


@contextmanager
def _own_random_numbers(seed: int) -> Iterator[None]:
    # weights are drawn on the CPU; torch.manual_seed would also reseed the GPU's generators
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield


def _read_config(entry: Entry, folder: Path) -> dict[str, Any]:
    path = folder / "config.json"
    try:
        config: dict[str, Any] = dict(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise InputError(f"{path} is not a JSON object: {error}") from error
    expected = entry.architecture.model_type
    if config.get("model_type") != expected:
        raise InputError(f"{folder} contains a {config.get('model_type')} model, but {entry.name} is a {expected}")
    for field in _SHAPE_FIELDS:
        own = entry.config.get(field)
        if config.get(field, own) != own:
            raise InputError(f"{folder} has {field} {config[field]}, but {entry.name} has {own}")
    known = token_reader(entry, folder).vocabulary
    for name, read in (("vocab.txt", _lines), ("tokenizer.json", tokenizer_vocabulary)):
        if (file := folder / name).is_file() and any(known.get(token) != i for token, i in read(file).items()):
            raise InputError(f"{file} is not the vocabulary of {entry.name}")
    return config


def _lines(path: Path) -> dict[str, int]:
    return {token: number for number, token in enumerate(path.read_text(encoding="utf-8").split())}


def _read_shapes(folder: Path) -> dict[str, tuple[int, ...]]:
    shapes = {}
    for file in safetensors_files(folder):
        try:
            with safe_open(file, framework="numpy") as tensors:
                names = tensors.keys()
                shapes.update({_current_name(name): tuple(tensors.get_slice(name).get_shape()) for name in names})
        except (SafetensorError, OSError) as error:
            raise InputError(f"{file} is damaged ({error}): fetch or copy it again") from error
    return shapes


def _check_fit(entry: Entry, folder: Path, network: nn.Module, shapes: Mapping[str, tuple[int, ...]]) -> None:
    expected = network.state_dict()
    present = {tensor.data_ptr() for name, tensor in expected.items() if name in shapes}
    missing = [name for name, tensor in expected.items() if name not in shapes and tensor.data_ptr() not in present]
    unexpected = [name for name in shapes if name not in expected]
    resized = [name for name, shape in shapes.items() if name in expected and shape != tuple(expected[name].shape)]
    optional = entry.architecture.optional_heads
    faults = {
        "missing": [name for name in missing if not _is_among(name, optional)],
        "unexpected": [name for name in unexpected if not _is_among(name, optional)],
        "of another shape": resized,
    }
    said = [f"{len(names)} {fault} ({', '.join(sorted(names)[:3])})" for fault, names in faults.items() if names]
    if said:
        raise InputError(f"weights in {folder} do not fit {entry.name}: {'; '.join(said)}")


def _current_name(name: str) -> str:
    # transformers saves the norms of BERT's descendants under their names in TensorFlow, and GPT-NeoX's head under the
    # name it had, and renames them on loading
    name = "lm_head.weight" if name == "embed_out.weight" else name
    return name.replace("LayerNorm.gamma", "LayerNorm.weight").replace("LayerNorm.beta", "LayerNorm.bias")


def _is_among(name: str, optional: tuple[str, ...]) -> bool:
    return any(fnmatchcase(name, pattern) or name.startswith(f"{pattern}.") for pattern in optional)
