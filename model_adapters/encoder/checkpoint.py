"""Build the network of a catalog entry, with random weights or strictly with those of a folder. Imports torch."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from harness.errors import InputError
from harness.storage.weights import read_config, safetensors_files, tensor_shapes
from model_adapters.encoder.entry import Entry
from model_adapters.encoder.spelling import Part, Spelling, same_norms
from model_adapters.encoder.tokens import token_reader, tokenizer_vocabulary

_SIZES = ("vocab_size", "intermediate_size", "max_position_embeddings", "type_vocab_size", "hidden_size")
_LARGEST_WITHOUT_WEIGHTS = 2**20
"""Positions of a model that has no tensor for them, such as HyenaDNA's million."""
_SHAPE_FIELDS = ("num_hidden_layers", "num_attention_heads", "hidden_size")


def random_network(entry: Entry, initialisation: int) -> nn.Module:
    """The network with the library's own initialisation, drawn from ``initialisation`` alone."""
    return _build(entry, entry.config, initialisation)


def trained_network(entry: Entry, folder: Path) -> nn.Module:
    """The network with the weights of ``folder``: every one of the encoder, and of the encoder no others.

    A language-model head that is there in part stays random; :func:`fault_of_head` says so.

    Raises:
        InputError: the folder holds another model, or a damaged one, or weights are missing or left over.
    """
    config = _checked_config(entry, folder)
    spelling, shapes = _read_names(entry, folder)
    _check_size(entry, folder, config, shapes)
    try:
        network = _build(entry, config, initialisation=0)
    except (TypeError, ValueError, KeyError, RuntimeError, MemoryError) as error:
        raise InputError(f"{folder / 'config.json'} does not describe a {entry.architecture_name}: {error}") from error
    expected = network.state_dict()
    _check_fit(entry, folder, spelling, expected, shapes)
    state = {}
    for file in safetensors_files(folder):
        try:
            saved = load_file(file)
        except (SafetensorError, OSError) as error:
            raise InputError(f"{file} is damaged ({error}): fetch or copy it again") from error
        for name, tensor in saved.items():
            current = _current(spelling.names[name], expected)
            # a head of another shape is no part of what was asked for
            if current not in expected or expected[current].shape == tensor.shape:
                state[current] = tensor
    network.load_state_dict(state, strict=False)  # strictness was checked, tied weights and unused heads allowed for
    return network


def fault_of_head(entry: Entry, folder: Path, network: nn.Module) -> str | None:
    """What the folder lacks of the language-model head, which is then of no use; None where it is whole."""
    spelling, shapes = _read_names(entry, folder)
    faults = _faults(spelling, network.state_dict(), shapes, "head")
    faults.pop("unexpected")
    return f"the language-model head of {entry.name} in {folder} has {_told(faults)}" if any(faults.values()) else None


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


def _checked_config(entry: Entry, folder: Path) -> dict[str, Any]:
    config = read_config(folder)
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


def _check_size(entry: Entry, folder: Path, config: Mapping[str, Any], shapes: Mapping[str, tuple[int, ...]]) -> None:
    """Refuse a configuration of a network far larger than the weights, before it is built.

    Raises:
        InputError: a size in ``config.json`` exceeds everything that the tensors hold.
    """
    most = max([_LARGEST_WITHOUT_WEIGHTS, *(size for shape in shapes.values() for size in shape)])
    for name, value in config.items():
        if name in _SIZES and isinstance(value, int) and value > most:
            raise InputError(
                f"{folder / 'config.json'} has {name} {value:,}, but no tensor of {entry.name} is that large"
            )
    layers = config.get("num_hidden_layers", 0)
    if isinstance(layers, int) and layers > max(len(shapes), 1):
        raise InputError(
            f"{folder / 'config.json'} has {layers:,} layers, but the weights hold {len(shapes):,} tensors"
        )


def _read_names(entry: Entry, folder: Path) -> tuple[Spelling, dict[str, tuple[int, ...]]]:
    """How the folder spells names, and the shapes of its tensors under their names of today."""
    saved = tensor_shapes(folder)
    try:
        spelling = Spelling(entry.architecture, saved)
    except InputError as error:
        raise InputError(f"weights in {folder} do not fit {entry.name}: {error}") from error
    return spelling, {spelling.names[name]: shape for name, shape in saved.items()}


def _current(name: str, expected: Mapping[str, Tensor]) -> str:
    if name in expected:
        return name
    return next((known for known in expected if same_norms(known) == same_norms(name)), name)


def _check_fit(
    entry: Entry,
    folder: Path,
    spelling: Spelling,
    expected: Mapping[str, Tensor],
    shapes: Mapping[str, tuple[int, ...]],
) -> None:
    faults = _faults(spelling, expected, shapes, "encoder")
    if any(faults.values()):
        raise InputError(f"weights in {folder} do not fit {entry.name}: {_told(faults)}")


def _faults(
    spelling: Spelling, expected: Mapping[str, Tensor], saved: Mapping[str, tuple[int, ...]], part: Part
) -> dict[str, list[str]]:
    """Names of tensors of one part by what is wrong with them; a tensor that is tied to one that is there is not."""
    shapes = {_current(name, expected): shape for name, shape in saved.items()}
    present = {tensor.data_ptr() for name, tensor in expected.items() if name in shapes}
    own = {name: tensor for name, tensor in expected.items() if spelling.part(name) == part}
    return {
        "missing": [name for name, tensor in own.items() if name not in shapes and tensor.data_ptr() not in present],
        "unexpected": [name for name in shapes if name not in expected and spelling.part(name) == part],
        "of another shape": [name for name, tensor in own.items() if shapes.get(name, tensor.shape) != tensor.shape],
    }


def _told(faults: Mapping[str, list[str]]) -> str:
    return "; ".join(
        f"{len(names)} {fault} ({', '.join(sorted(names)[:3])})" for fault, names in faults.items() if names
    )
