"""Reduced models of every tokenisation, and the library's own tokens and outputs for a sequence."""

from __future__ import annotations

import tomllib
from importlib import import_module
from itertools import product
from pathlib import Path
from typing import Any

import model_adapters.catalog.models
from harness.adapter import ModelOptions
from model_adapters.encoder.adapter import EncoderAdapter
from model_adapters.encoder.entry import STAND_IN, Architecture, Entry, Tokens

_FILE = Path(model_adapters.catalog.models.__file__).with_name("architectures.toml")
ARCHITECTURES = {
    name: Architecture(**fields) for name, fields in tomllib.loads(_FILE.read_text())["architectures"].items()
}
SIZES = {"num_hidden_layers": 2, "num_attention_heads": 4, "hidden_size": 32, "intermediate_size": 48}
MODELS: dict[str, tuple[str, Tokens, dict[str, Any]]] = {
    "dnabert-3mer": ("dnabert", Tokens(kind="overlapping k-mer", k=3, letters="DNA"), {"vocab_size": 70}),
    "dnabert-6mer": ("dnabert", Tokens(kind="overlapping k-mer", k=6, letters="DNA"), {"vocab_size": 4102}),
    "utrbert-3mer": ("utrbert", Tokens(kind="overlapping k-mer", k=3), {"nmers": 3}),
    "utrbert-4mer": ("utrbert", Tokens(kind="overlapping k-mer", k=4), {"nmers": 4}),
    "calm": ("calm", Tokens(kind="codon", letters="DNA"), {}),
    "dnabert2": ("dnabert2", Tokens(kind="byte pair", letters="DNA"), {}),
    "dnaberts": ("dnaberts", Tokens(kind="byte pair", letters="DNA"), {}),
    "hyenadna": ("hyenadna", Tokens(letters="DNA"), {"vocab_size": 11, "max_position_embeddings": 128}),
    "nucleotide-transformer": (
        "nucleotide-transformer",
        Tokens(kind="k-mer", k=6, letters="DNA"),
        {
            "vocab_size": 4105,
            "max_position_embeddings": 34,
            "pad_token_id": 1,
            "mask_token_id": 2,
            "token_dropout": True,
        },
    ),
    "esm2": (
        "esm2",
        Tokens(letters="protein"),
        {
            "vocab_size": 33,
            "max_position_embeddings": 130,
            "pad_token_id": 1,
            "mask_token_id": 32,
            "token_dropout": True,
            "position_embedding_type": "rotary",
        },
    ),
}


def entry_of(name: str) -> Entry:
    architecture, tokens, config = MODELS[name]
    config = {**SIZES, **config}
    if architecture == "hyenadna":
        config.pop("num_attention_heads")
    return Entry(
        name=name,
        group="DNA",
        architecture_name=architecture,
        architecture=ARCHITECTURES[architecture],
        tokens=tokens,
        config=config,
        summary="a reduced model",
        max_length=120,
        parameters=1,
        corpus="none",
        licence="none",
        citation="none",
    )


def adapter_of(name: str) -> EncoderAdapter:
    return EncoderAdapter(entry_of(name), ModelOptions(), initialisation=0)


def upstream_tokens(name: str, text: str, folder: Path) -> tuple[list[int], list[str]]:
    """Numbers and texts of the tokens with the special ones, by the library's own tokenizer."""
    import multimolecule
    import transformers

    tokenizer: Any
    if name.startswith("dnabert-"):
        tokenizer = multimolecule.DnaTokenizer(nmers=int(name[8]), alphabet="nucleobase")
    elif name.startswith("utrbert-"):
        tokenizer = multimolecule.RnaTokenizer(nmers=int(name[8]))
    elif name == "calm":
        tokenizer = multimolecule.DnaTokenizer(codon=True)
    elif name == "hyenadna":
        tokenizer = multimolecule.DnaTokenizer(alphabet="streamline")
        ids = tokenizer(text, add_special_tokens=False)["input_ids"]
        return ids, tokenizer.convert_ids_to_tokens(ids)
    elif name in ("dnabert2", "dnaberts"):
        tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_file=str(STAND_IN), unk_token="<unk>")
        ids = [1, *tokenizer(text.replace("U", "T"))["input_ids"], 2]
        return ids, tokenizer.convert_ids_to_tokens(ids)
    else:
        (folder / "vocab.txt").write_text("\n".join(authors_vocabulary(name)))
        eos = {} if name == "esm2" else {"eos_token": None}
        tokenizer = transformers.EsmTokenizer(folder / "vocab.txt", **eos)
        text = text if name == "esm2" else text.replace("U", "T")
    ids = tokenizer(text)["input_ids"]
    return ids, tokenizer.convert_ids_to_tokens(ids)


def authors_vocabulary(name: str) -> list[str]:
    if name == "esm2":
        letters = list("LAGVSERTIDPNKQYFMHWCXBUZO.-")
        return ["<cls>", "<pad>", "<eos>", "<unk>", *letters, "<null_1>", "<mask>"]
    words = ["".join(letters) for letters in product("ATCG", repeat=6)]
    return ["<unk>", "<pad>", "<mask>", "<cls>", *words, "A", "T", "C", "G", "N"]


def upstream_model(name: str, seed: int = 0) -> Any:
    """The library's model, built by the library."""
    import torch

    architecture = ARCHITECTURES[MODELS[name][0]]
    library = import_module(architecture.library)
    torch.manual_seed(seed)
    config = getattr(library, architecture.config_class)(**entry_of(name).config, attn_implementation="eager")
    return getattr(library, architecture.model_class)(config).eval()


def upstream_outputs(name: str, ids: list[int]) -> Any:
    """What the library's model says of those tokens."""
    import torch

    tokens = torch.tensor([ids])
    asked = {"output_attentions": True} if entry_of(name).architecture.attention else {}
    with torch.no_grad():
        return upstream_model(name)(tokens, attention_mask=torch.ones_like(tokens), output_hidden_states=True, **asked)


def spans_by_hand(name: str, texts: list[str]) -> list[tuple[int, int]]:
    """First nucleotide and the one after the last of every token but the special ones."""
    spans, start = [], 0
    for text in texts:
        if text.startswith("<") and text not in ("<unk>", "<mask>"):
            continue
        width = 1 if text.startswith("<") else len(text)
        spans.append((start, start + width))
        start += 1 if name.startswith(("dnabert-", "utrbert-")) else width
    return spans
