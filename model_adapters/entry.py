"""What the catalog says of a model: data only, checked when the catalog is read."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict

from harness.adapter import Capability, ModelCard


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Architecture(_Strict):
    """How to run one architecture of the multimolecule library. Paths are dotted attribute names."""

    model_class: str
    config_class: str
    model_type: str
    encoder: str
    embeddings: str
    blocks: str
    attention: str
    """Self-attention module within a block; the last item of its output holds the attention probabilities."""
    final_norm: str | None = None
    lm_head: str | None = None
    optional_heads: tuple[str, ...] = ()
    """Prefixes of weights that a checkpoint may hold and that are not used here."""
    leading: tuple[str, ...] = ("<cls>",)
    trailing: tuple[str, ...] = ("<eos>",)
    pad_to: int | None = None
    """Tokens that every sequence is padded to, in sight of the model, because it was trained so."""


class Entry(_Strict):
    """One model: its architecture, its configuration and what its card says."""

    name: str
    architecture_name: str
    architecture: Architecture
    config: dict[str, Any]
    """Arguments of the configuration class that differ from its defaults: enough to build the model without a hub."""
    aliases: tuple[str, ...] = ()
    packaged: str | None = None
    """Folder beside the catalog that holds the weights, for a model that ships with this package."""
    hub_id: str | None = None
    revision: str | None = None
    summary: str
    max_length: int
    parameters: int
    corpus: str
    licence: str
    citation: str
    exposure: dict[str, str] = {}
    quirks: tuple[str, ...] = ()

    @property
    def card(self) -> ModelCard:
        capabilities: set[Capability] = {"hidden_states", "attention"}
        if self.architecture.lm_head:
            capabilities |= {"log_probs", "replace_hidden"}
        if self.architecture.leading:
            capabilities.add("leading")
        return ModelCard(
            name=self.name,
            summary=self.summary,
            architecture=self.architecture_name,
            capabilities=frozenset(capabilities),
            layers=self.config["num_hidden_layers"],
            heads=self.config["num_attention_heads"],
            width=self.config["hidden_size"],
            parameters=self.parameters,
            max_length=self.max_length,
            corpus=self.corpus,
            exposure=self.exposure,
            licence=self.licence,
            hub_id=self.hub_id,
            revision=self.revision,
            citation=self.citation,
            quirks=self.quirks,
        )
