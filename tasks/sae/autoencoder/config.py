"""Everything that decides how a sparse autoencoder is built and trained, in one frozen record."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

ActivationName = Literal["batchtopk", "topk", "relu", "jumprelu"]
StandardiseName = Literal["whiten", "zscore", "center", "none"]
FrozenPart = Literal["none", "encoder", "decoder"]


class SAEConfig(BaseModel):
    """Settings of one sparse autoencoder. Unknown fields are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    features: int = Field(default=512, ge=1)
    """Number of features m (the width of the dictionary)."""
    k: int = Field(default=4, ge=1)
    """Active features per nucleotide: on average (batchtopk) or exactly at most (topk). Unused by relu and jumprelu."""
    activation: ActivationName = "batchtopk"
    """What turns pre-activations into a sparse code."""
    standardise: StandardiseName = "whiten"
    """whiten: z-score, then all correlations removed (ZCA). zscore: every dimension to mean 0 and standard deviation 1.
    center: mean 0, one common scale for all dimensions. none: the common scale only. The common
    scale keeps the learning rate and the sparsity weight comparable."""
    steps: int = Field(default=3000, ge=1)
    """Optimiser steps."""
    batch_size: int = Field(default=2048, ge=1)
    """Nucleotides per step."""
    learning_rate: float | None = Field(default=None, gt=0)
    """Peak learning rate; None means 2e-3 / sqrt(features / 2**14)."""
    weight_decay: float = Field(default=0.0, ge=0)
    """Decoupled weight decay (AdamW); 0 is Adam."""
    schedule: Literal["linear", "cosine"] = "linear"
    """linear: constant, then linear to zero over the last ``decay`` share. cosine: to zero from the warm-up on."""
    warmup: float = Field(default=0.05, ge=0, le=1)
    """Share of the steps over which the learning rate rises linearly."""
    decay: float = Field(default=0.2, ge=0, le=1)
    """Share of the steps over which a linear schedule falls to zero."""
    clip: float = Field(default=1.0, gt=0)
    """Largest norm of the gradient over all parameters."""
    auxiliary_weight: float = Field(default=1 / 32, ge=0)
    """Weight of the AuxK loss, which revives dead features."""
    sparsity_weight: float = Field(default=3e-3, ge=0)
    """Weight of the L1 norm (relu) or of L0 (jumprelu), per nucleotide, beside the share of variance left."""
    prefixes: tuple[int, ...] = ()
    """Matryoshka: the first n features must reconstruct on their own, for every n here; the whole is always added."""
    dead_after: int = Field(default=200_000, ge=1)
    """A feature that has been silent for this many nucleotides is dead, and AuxK works on it."""
    frozen: FrozenPart = "none"
    """A control: the rows of the decoder, or those of the encoder, stay as they were drawn, and all else is trained.
    The encoder's bias is trained in either case: without it, codes would be those of an untrained autoencoder."""
    bfloat16: bool | None = None
    """Choose the active features from a bfloat16 product (their values are computed in float32 either way);
    None: where the device has such instructions. On a processor without them it is slower."""

    @model_validator(mode="after")
    def _fits(self) -> SAEConfig:
        if self.activation in ("batchtopk", "topk") and self.k > self.features:
            raise ValueError(f"k = {self.k} active features out of {self.features}: choose k <= features")
        bounds = (0, *self.prefixes, self.features)
        if any(low >= high for low, high in pairwise(bounds)):
            raise ValueError(f"prefixes {self.prefixes} must rise from 1 and stay under features = {self.features}")
        return self

    @classmethod
    def for_width(cls, width: int, **changes: Any) -> SAEConfig:
        """The defaults for hidden states of ``width`` numbers: m = 4 d features, k = max(4, d / 32) of them active.

        The peak rate follows from m. docs/sae.md says what was measured to choose the rule. ``changes`` are fields
        that are set otherwise: ``features`` may be a multiple of the width, such as "8d", and None keeps the rule.
        """
        asked: dict[str, Any] = {"features": "4d"} | {
            name: value for name, value in changes.items() if value is not None
        }
        if isinstance(asked["features"], str):
            asked["features"] = width * int(asked["features"].removesuffix("d"))
        return cls(**{"k": max(4, width // 32), **asked})

    @property
    def peak_learning_rate(self) -> float:
        return self.learning_rate or 2e-3 / (self.features / 2**14) ** 0.5

    @property
    def is_top_k(self) -> bool:
        return self.activation in ("batchtopk", "topk")


PRESETS: dict[str, dict[str, Any]] = {
    "default": {},
    "demo": {"steps": 400},
    "wide": {"features": "8d"},
    "sae-rna": {
        "activation": "relu",
        "standardise": "zscore",
        "sparsity_weight": 3e-3,
        "learning_rate": 1e-3,
        "weight_decay": 1e-4,
        "schedule": "cosine",
        "batch_size": 1024,
        "clip": 1.0,
        "auxiliary_weight": 0.0,
    },
}
"""Named changes of the defaults, as :meth:`SAEConfig.for_width` takes them. ``demo`` is fast, and trained too little
for its numbers to be reported; ``wide`` has twice the features.

``sae-rna`` follows the SAE-RNA paper as far as it is known. From the paper itself: standardised embeddings of RiNALMo,
sparse autoencoder. From a third-party re-implementation, not from the paper: untied ReLU with L1 of 3e-3, z-score per
dimension, AdamW with 1e-3 and weight decay 1e-4, cosine schedule, batch 1024, clip 1.0. Ours, because not public: the
width, the steps, the warm-up, unit-norm decoder rows, no AuxK, and the scale of the L1 term (summed over features,
averaged over nucleotides, beside the share of variance left).
"""
