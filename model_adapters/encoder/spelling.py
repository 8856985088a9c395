"""Names of a checkpoint's tensors: those of older and other libraries read as today's. Imports no torch.

multimolecule put the model's own name before those of the encoder until December 2025 (``rnabert.embeddings…``) and
puts ``model.`` there now; a bare encoder is saved without either.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any, Literal

from harness.errors import InputError
from model_adapters.encoder.entry import Architecture

Part = Literal["encoder", "head", "outside"]

_PREFIXES = ("model.", "transformer.")
"""What libraries put before the names of an encoder, beside the name of the model and nothing at all."""
_OLD_HEADS = {"embed_out.": "lm_head.", "pretrain_head.predictions.": "lm_head."}
"""GPT-NeoX's head, and that of RNABERT before it was called like all others."""
_HEADS = ("cls", "classifier", "pooler")
"""Outside an encoder, beside whatever is called a head."""
_NORM = re.compile(r"(norm[^.]*)\.(gamma|beta)$", re.IGNORECASE)
_TENSORFLOW = {"gamma": "weight", "beta": "bias"}


class Spelling:
    """How one checkpoint spells the names of an architecture.

    Raises:
        InputError: two of its tensors are one tensor of the architecture.
    """

    def __init__(self, architecture: Architecture, saved: Iterable[str]) -> None:
        self._optional = architecture.optional_heads
        self._encoder = f"{architecture.encoder}." if architecture.encoder else ""
        self._heads = tuple(f"{name}." for name in (architecture.lm_head or "").split())
        self._causal = architecture.causal
        self._prefixes = tuple(
            dict.fromkeys((self._encoder, f"{architecture.model_type}.", *_PREFIXES, ""))  # the usual one first
        )
        names = [_renamed(name) for name in saved]
        blocks = f"{architecture.blocks.removeprefix(self._encoder)}."
        counts = {prefix: sum(name.startswith(prefix + blocks) for name in names) for prefix in self._prefixes}
        self._prefix = max(counts, key=counts.__getitem__)  # of equal ones the usual one
        self.names: Mapping[str, str] = {name: self._today(_renamed(name)) for name in saved}
        """Names as saved -> as the library has them today."""
        twice = [name for name, count in Counter(self.names.values()).items() if count > 1]
        if twice:
            raise InputError(f"{len(twice)} there in two spellings ({', '.join(sorted(twice)[:3])})")

    def part(self, name: str) -> Part:
        """Where a tensor belongs, by its name of today."""
        if is_among(name, self._optional):
            return "outside"
        if name.startswith(self._heads):
            return "head"
        # a second encoder in another spelling is a left-over, not a head
        prefix = next((prefix for prefix in self._prefixes if prefix and name.startswith(prefix)), self._encoder)
        inside = name.startswith(prefix) and not _is_head(name.removeprefix(prefix))
        return "encoder" if inside else "outside"

    def has_head(self, config: Mapping[str, Any]) -> bool:
        """Whether the checkpoint brings the language-model head; that of a causal model may be the embedding itself."""
        if any(self.part(name) == "head" for name in self.names.values()):
            return True
        return self._causal and bool(config.get("tie_word_embeddings", True))

    @property
    def unread(self) -> tuple[str, ...]:
        """Heads, and whatever else no result depends on, each with the number of its tensors."""
        outside = [name for name in self.names.values() if self.part(name) == "outside"]
        told = [_head_of(name) or name for name in outside if _head_of(name) or not is_among(name, self._optional)]
        counts = sorted(Counter(told).items())
        return tuple(f"{head} ({count} tensor{'s' if count > 1 else ''})" for head, count in counts)

    def _today(self, name: str) -> str:
        if self._prefix:
            inside = name.startswith(self._prefix)
            return self._encoder + name.removeprefix(self._prefix) if inside else name
        own = self._encoder + name
        inside = name.startswith("pooler.") or is_among(own, self._optional)
        return name if name.startswith(self._heads) or (_is_head(name) and not inside) else own


def is_among(name: str, optional: Iterable[str]) -> bool:
    """Whether a name is one of some prefixes and patterns."""
    return any(fnmatchcase(name, pattern) or name.startswith(f"{pattern}.") for pattern in optional)


def same_norms(name: str) -> str:
    """One name for norms that versions of a library call ``LayerNorm`` and ``layer_norm``."""
    return name.replace("LayerNorm", "layer_norm")


def _renamed(name: str) -> str:
    # transformers saves the norms of BERT's descendants under their names in TensorFlow, and renames them on loading
    name = _NORM.sub(lambda found: f"{found[1]}.{_TENSORFLOW[found[2].lower()]}", name)
    for old, new in _OLD_HEADS.items():
        if name.startswith(old):
            return new + name.removeprefix(old)
    return name


def _is_head(name: str) -> bool:
    first = name.partition(".")[0]
    return first in _HEADS or "head" in first


def _head_of(name: str) -> str:
    """``ss_head`` of ``ss_head.decoder.weight``, ``model.pooler`` of ``model.pooler.dense.weight``; "" of others."""
    parts = name.split(".")
    return next((".".join(parts[: place + 1]) for place, part in enumerate(parts) if _is_head(part)), "")
