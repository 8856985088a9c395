"""A model of the transformers library from the folder it was saved to, with its own tokenizer: for plugins.

    from model_adapters.encoder.pretrained import from_folder

    MODELS = {"my-bert": from_folder("my-bert", "runs/my_bert")}

The folder holds what ``model.save_pretrained`` and ``tokenizer.save_pretrained`` wrote. Nothing is downloaded, and no
deep-learning library is imported until the model runs.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, TypedDict, Unpack

from pydantic import ValidationError

from harness.adapter import ModelFactory, ModelOptions
from harness.errors import InputError
from harness.storage.weights import read_config, tensor_shapes
from model_adapters.encoder.adapter import EncoderAdapter
from model_adapters.encoder.architectures import architecture_of
from model_adapters.encoder.entry import Architecture, Entry, Group, OwnTokenizer, Tokens
from model_adapters.encoder.own_tokens import Letters, TokenizerFiles, own_tokenizer, read_tokens

_SHORT_NAMES = {
    "num_hidden_layers": "n_layer",
    "num_attention_heads": "n_head",
    "hidden_size": "n_embd",
    "max_position_embeddings": "n_positions",
}
_NO_NUMBERS = ("_name_or_path", "transformers_version", "dtype", "torch_dtype", "use_cache")
"""What a configuration holds and no number depends on: a random twin's identity leaves it out."""
_PADDED_TO = (8, 16, 32, 64, 128)
"""Rows of an embedding are often filled up to a multiple of one of these."""


class About(TypedDict, total=False):
    """What only the author knows, for the model's card."""

    group: Group
    summary: str
    corpus: str
    exposure: dict[str, str]
    licence: str
    citation: str
    quirks: tuple[str, ...]


def from_folder(
    name: str,
    folder: Path | str,
    *,
    tokens: str | None = None,
    letters: Letters | None = None,
    leading: Sequence[str] | None = None,
    trailing: Sequence[str] | None = None,
    max_length: int | None = None,
    paths: Mapping[str, Any] | None = None,
    **about: Unpack[About],
) -> ModelFactory:
    """The model of a folder, for ``MODELS`` of a plugin. What is None is found in the folder's files.

    Args:
        name: the model's name, the key in ``MODELS``.
        folder: ``config.json``, safetensors and the tokenizer's files; ``--weights PATH`` takes its place.
        tokens: "single nucleotide", "overlapping 3-mer", "6-mer", "codon", "byte pair" or "single amino acid".
        letters: "RNA" (the vocabulary writes U), "DNA" (it writes T) or "protein".
        leading: special tokens before a sequence, such as ``["[CLS]"]``.
        trailing: special tokens after a sequence.
        max_length: longest sequence, in nucleotides.
        paths: fields of :class:`model_adapters.encoder.entry.Architecture`, for an architecture of transformers that
            :data:`model_adapters.encoder.architectures.KNOWN` lacks.
        about: fields of the card.

    Calling what is returned raises InputError where the folder leaves something open; the message names the argument.
    """

    def make(options: ModelOptions) -> EncoderAdapter:
        place = options.weights or Path(folder).expanduser()
        config = _read_config(place)
        files = TokenizerFiles(place, str(config["model_type"]))
        both_stated = leading is not None and trailing is not None
        first, last = ((), ()) if both_stated else files.around()
        special = {
            "leading": first if leading is None else tuple(leading),
            "trailing": last if trailing is None else tuple(trailing),
        }
        _check_special(files, special)
        _check_rows(files, config)
        read, spelling = read_tokens(files, tokens, letters)
        shapes = _shapes(place)
        architecture = architecture_of(place, config, shapes, {**special, **(paths or {})})
        longest = _positions(config)
        own = own_tokenizer(files, read, spelling, longest)
        free = longest - sum(map(len, special.values()))
        try:
            entry = Entry(
                name=name,
                architecture_name=str(config["model_type"]),
                architecture=architecture,
                config={key: value for key, value in config.items() if key not in _NO_NUMBERS},
                max_length=max_length or _nucleotides(free, read),
                parameters=_parameters(shapes),
                tokens=read,
                own=own,
                **{**_UNKNOWN, "summary": _words(config, architecture, own), **about},
            )
        except ValidationError as error:
            [first_error, *_] = error.errors()
            where = ".".join(map(str, first_error["loc"]))
            raise InputError(f"from_folder({name!r}): {where}: {first_error['msg']}") from error
        return EncoderAdapter(entry, replace(options, weights=place))

    return make


_UNKNOWN: Mapping[str, Any] = {"group": None, "corpus": "unknown", "licence": "unknown", "citation": ""}


def _read_config(folder: Path) -> dict[str, Any]:
    """``config.json`` with the sizes under the names that most architectures use."""
    config = read_config(folder)
    for name, short in _SHORT_NAMES.items():
        if short in config:
            config[name] = config[short]
    for name in ("model_type", "vocab_size", *_SHORT_NAMES):
        if name not in config:
            raise InputError(
                f"{folder / 'config.json'} has no {name}: save the model again with model.save_pretrained(FOLDER)"
            )
    return config


def _check_special(files: TokenizerFiles, special: Mapping[str, Sequence[str]]) -> None:
    for role, names in special.items():
        for name in names:
            if name not in files.numbers:
                raise InputError(f"{role} token {name!r} is not in the vocabulary in {files.folder}: state {role}=[…]")


def _check_rows(files: TokenizerFiles, config: Mapping[str, Any]) -> None:
    """A vocabulary of another size is another model's: its numbers would be read in silence."""
    rows, size = config["vocab_size"], max(files.numbers.values(), default=-1) + 1
    if rows not in (size, *(math.ceil(size / step) * step for step in _PADDED_TO)):
        raise InputError(
            f"the tokenizer in {files.folder} has {size} tokens and the model's embedding {rows} rows: "
            f"save the model's own tokenizer there or, if this is the one, remove the embedding rows that it does "
            f"not use with model.resize_token_embeddings({size}) and save the model again"
        )


def _positions(config: Mapping[str, Any]) -> int:
    """Most tokens of an input, special ones included."""
    most, kind = int(config["max_position_embeddings"]), config["model_type"]
    if kind == "roberta" or (kind == "esm" and config.get("position_embedding_type", "absolute") == "absolute"):
        return most - int(config["pad_token_id"]) - 1  # positions are counted from the padding token's number on
    return most


def _nucleotides(longest: int, tokens: Tokens) -> int:
    """Nucleotides that surely fit: byte pairs can be as short as one letter."""
    return longest + tokens.k - 1 if tokens.kind == "overlapping k-mer" else longest * tokens.width


def _parameters(shapes: Mapping[str, Sequence[int]]) -> int | None:
    return sum(map(math.prod, shapes.values())) or None


def _shapes(folder: Path) -> Mapping[str, Sequence[int]]:
    """Shapes of all tensors by name; none of damaged files, which loading refuses with a reason."""
    with suppress(InputError):
        return tensor_shapes(folder)
    return {}


def _words(config: Mapping[str, Any], architecture: Architecture, own: OwnTokenizer) -> str:
    """What was found in the folder, for the summary of the card."""
    read = " ".join(own.letters)
    written = " ".join(own.spelling.get(letter, letter) for letter in own.letters)
    around = [
        *([f"{' '.join(architecture.leading)} before a sequence"] if architecture.leading else []),
        *([f"{' '.join(architecture.trailing)} after it"] if architecture.trailing else []),
        *([f"{own.mask} as mask"] if own.mask else []),
    ]
    letters = f"{read} written as {written}" if read != written else f"letters {read}"
    special = ", ".join(around) or "no special tokens"
    saved = (config.get("architectures") or [architecture.model_class])[0]
    return f"{saved} with the {len(own.numbers)} tokens of its own tokenizer: {letters}; {special}"
