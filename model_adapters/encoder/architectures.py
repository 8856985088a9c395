"""How to run the architectures of the transformers library: dotted names of their parts, by ``model_type``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from harness.errors import InputError
from model_adapters.encoder.entry import Architecture

_BERT = {"blocks": "{0}.encoder.layer", "embeddings": "{0}.embeddings", "attention": "attention.self"}
_OLD_POSITIONS = "{0}.embeddings.position_ids"

KNOWN: Mapping[str, Mapping[str, Any]] = {
    "bert": {
        **_BERT,
        "model_class": "BertForMaskedLM",
        "config_class": "BertConfig",
        "encoder": "bert",
        "lm_head": "cls.predictions",
        "optional_heads": ["{0}.pooler", _OLD_POSITIONS, "cls.seq_relationship"],
    },
    "roberta": {
        **_BERT,
        "model_class": "RobertaForMaskedLM",
        "config_class": "RobertaConfig",
        "encoder": "roberta",
        "lm_head": "lm_head",
        "optional_heads": ["{0}.pooler", _OLD_POSITIONS],
    },
    "esm": {
        **_BERT,
        "model_class": "EsmForMaskedLM",
        "config_class": "EsmConfig",
        "encoder": "esm",
        "final_norm": "{0}.encoder.emb_layer_norm_after",
        "lm_head": "lm_head",
        "optional_heads": [
            "{0}.pooler",
            "{0}.contact_head",
            _OLD_POSITIONS,
            "{0}.embeddings.position_embeddings",  # saved unused where positions are rotary
            "{0}.rotary_embeddings",
            "{0}.encoder.layer.*.attention.self.rotary_embeddings.inv_freq",
        ],
    },
    "electra": {
        **_BERT,
        "model_class": "ElectraForMaskedLM",
        "config_class": "ElectraConfig",
        "encoder": "electra",
        "lm_head": "generator_predictions generator_lm_head",
        "optional_heads": [_OLD_POSITIONS],
    },
    "gpt2": {
        "model_class": "GPT2LMHeadModel",
        "config_class": "GPT2Config",
        "encoder": "transformer",
        "embeddings": "{0}.drop",
        "blocks": "{0}.h",
        "attention": "attn",
        "final_norm": "{0}.ln_f",
        "lm_head": "lm_head",
        "causal": True,
        "optional_heads": ["{0}.h.*.attn.bias", "{0}.h.*.attn.masked_bias"],
    },
    "gpt_neox": {
        "model_class": "GPTNeoXForCausalLM",
        "config_class": "GPTNeoXConfig",
        "encoder": "gpt_neox",
        "embeddings": "{0}.emb_dropout",
        "blocks": "{0}.layers",
        "attention": "attention",
        "final_norm": "{0}.final_layer_norm",
        "lm_head": "lm_head",
        "causal": True,
    },
    "llama": {
        "model_class": "LlamaForCausalLM",
        "config_class": "LlamaConfig",
        "encoder": "model",
        "embeddings": "{0}.embed_tokens",
        "blocks": "{0}.layers",
        "attention": "self_attn",
        "final_norm": "{0}.norm",
        "lm_head": "lm_head",
        "causal": True,
    },
}
"""Fields of :class:`model_adapters.encoder.entry.Architecture`; ``{0}`` is the name of the encoder."""

_WITH_HEAD_TOO = ("BertForPreTraining",)
"""Other classes that are saved with the language-model head."""


def architecture_of(
    folder: Path, config: Mapping[str, Any], tensors: Iterable[str], stated: Mapping[str, Any]
) -> Architecture:
    """How to run the model of a configuration: the known parts, but for the head where it was saved without one.

    Raises:
        InputError: :data:`KNOWN` lacks the architecture and ``stated`` does not name its parts, or names no part.
    """
    kind, classes = str(config["model_type"]), config.get("architectures") or []
    known = KNOWN.get(kind, {})
    if not known and not {"config_class", "encoder", "embeddings", "blocks"} <= stated.keys():
        raise InputError(
            f"{folder} contains a {kind} model, which is not one of {', '.join(KNOWN)}: state its parts in the plugin, "
            "paths={'model_class': …, 'config_class': …, 'encoder': …, 'embeddings': …, 'blocks': …, 'attention': …}"
        )
    if config.get("is_decoder") and not known.get("causal"):
        raise InputError(
            f"{folder} contains a {kind} decoder (is_decoder in config.json): only {kind} encoders are read"
        )
    if len(classes) != 1 and "model_class" not in stated:
        raise InputError(
            f"{folder / 'config.json'} names no class under architectures: "
            f"state it in the plugin, such as paths={{'model_class': {known.get('model_class')!r}}}"
        )
    saved = stated.get("model_class") or classes[0]
    encoder = stated.get("encoder", known.get("encoder"))
    fields = {name: _with_encoder(value, encoder) for name, value in {"model_class": saved, **known}.items()}
    if kind == "electra" and config.get("embedding_size") != config["hidden_size"]:
        fields["embeddings"] = "electra.embeddings_project"
    fields |= {"library": "transformers", "model_type": kind, **stated}
    if known and saved.endswith("Model") and saved != known["model_class"]:
        fields = {name: _bare(value, f"{encoder}.") for name, value in fields.items()}
        fields |= {"model_class": saved, "encoder": "", "lm_head": None}
    elif known and saved not in (known["model_class"], *_WITH_HEAD_TOO):
        # a classifier, say: the encoder is read, its own head is not, and the language model's is not there
        heads = [
            *fields.get("optional_heads", ()),
            *str(fields["lm_head"]).split(),
            *sorted({name.partition(".")[0] for name in tensors} - {encoder}),
        ]
        fields |= {"model_class": known["model_class"], "lm_head": None, "optional_heads": heads}
    try:
        return Architecture(**fields)
    except ValidationError as error:
        [first, *_] = error.errors()
        raise InputError(f"paths: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error


def _with_encoder(value: Any, encoder: str) -> Any:
    if isinstance(value, list):
        return [_with_encoder(item, encoder) for item in value]
    return value.replace("{0}", encoder) if isinstance(value, str) else value


def _bare(value: Any, prefix: str) -> Any:
    """Names of parts in a model that is the encoder alone."""
    if isinstance(value, list):
        return [_bare(item, prefix) for item in value]
    return value.removeprefix(prefix) if isinstance(value, str) else value
