"""The settings that every task with sparse autoencoders has, and their presets."""

from __future__ import annotations

from typing import Any, ClassVar, Literal, Self

from pydantic import Field, ValidationError, model_validator

from harness.adapter import ModelCard
from harness.errors import InputError
from harness.task import LayerSettings, SeedSettings
from tasks.sae.autoencoder.config import PRESETS, SAEConfig

QUALITY_LABELS = {
    "fve": "variance explained",
    "fve_raw": "variance explained, unscaled",
    "l0": "active features per nucleotide",
    "dead_share": "dead features",
    "stability": "stability between seeds",
    "stability_strict": "stability, cosine > 0.9",
    "stability_raw": "stability in raw space",
    "stability_activations": "stability of activations",
    "stability_chance": "stability by chance",
    "pw_mcc": "mean cosine between seeds",
    "selectivity": "selectivity of features (tau)",
    "trend_l0": "trend of active features with depth",
    "trend_fve": "trend of variance explained with depth",
    "trend_stability": "trend of stability with depth",
    "trend_selectivity": "trend of selectivity with depth",
    "loss_recovered": "loss recovered",
    "steering": "steering beyond controls, nats",
    "cross_entropy_reconstructed": "cross-entropy, reconstructed",
    "cross_entropy_clean": "cross-entropy, untouched",
    "cross_entropy_ablated": "cross-entropy, layer replaced by its mean",
}
"""The metrics of autoencoders in words."""


DEMO_SEEDS = (0, 1)
"""A random twin and three autoencoders less than usual: enough to show what seeds share."""


class SaeSettings(LayerSettings, SeedSettings):
    """Settings of the autoencoders of a cell. A preset fills in what is not given."""

    task: ClassVar[str]
    """Named in errors."""

    preset: Literal["default", "demo", "wide", "sae-rna"] = "default"
    features: int | Literal["2d", "4d", "8d"] = Field(
        "4d", description="size of the dictionary; 4d is four times the model's width"
    )
    k: int | None = Field(None, ge=1, description="active features per nucleotide; by default width / 32, at least 4")
    steps: int = Field(3000, ge=1)
    batch_size: int = Field(2048, ge=1)
    activation: Literal["batchtopk", "topk", "relu", "jumprelu"] = "batchtopk"
    standardise: Literal["whiten", "zscore", "center", "none"] = "whiten"
    draws: int = Field(2000, ge=100, description="bootstrap draws")

    @model_validator(mode="before")
    @classmethod
    def _fill_from_preset(cls, values: Any) -> Any:
        if isinstance(values, dict):
            asked = values.get("preset", "default")
            preset = PRESETS.get(asked, {}) | ({"seeds": DEMO_SEEDS} if asked == "demo" else {})
            return {name: value for name, value in preset.items() if name in cls.model_fields} | values
        return values

    @model_validator(mode="after")
    def _make_an_autoencoder(self) -> Self:
        if isinstance(self.features, int):  # any other size is known with the model's width alone
            self.sae_config(width=1)
        return self

    def narrowed_to(self, card: ModelCard) -> Self:
        """See :class:`harness.task.TaskSettings`.

        Raises:
            InputError: no autoencoder for a model of this width has these settings.
        """
        if card.width is not None:
            self.sae_config(card.width)
        return super().narrowed_to(card)

    def sae_config(self, width: int) -> SAEConfig:
        """The configuration of every autoencoder of the cell, for a model of this width.

        Raises:
            InputError: the settings do not fit together.
        """
        names = ("features", "k", "steps", "batch_size", "activation", "standardise")
        own = {name: getattr(self, name) for name in names}
        try:
            return SAEConfig.for_width(width, **(PRESETS[self.preset] | own))
        except ValidationError as error:
            first = error.errors()[0]
            where = "".join(f"{part}: " for part in first["loc"])
            raise InputError(f"{self.task}: {where}{first['msg'].removeprefix('Value error, ')}") from None
