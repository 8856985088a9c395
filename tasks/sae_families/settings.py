"""The settings of sae-families and their presets."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_core import PydanticCustomError

from harness.errors import InputError
from harness.task import LayerSettings, SeedSettings
from tasks.sae.autoencoder.config import PRESETS, SAEConfig


class SaeFamiliesSettings(LayerSettings, SeedSettings):
    """Settings of sae-families. A preset fills in what is not given."""

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
    groups: tuple[str, ...] = Field((), description="two groups of families to compare, such as A+B,C+D")

    @model_validator(mode="before")
    @classmethod
    def _fill_from_preset(cls, values: Any) -> Any:
        if isinstance(values, dict):
            preset = PRESETS.get(values.get("preset", "default"), {})
            return {name: value for name, value in preset.items() if name in cls.model_fields} | values
        return values

    @model_validator(mode="after")
    def _make_an_autoencoder(self) -> Self:
        if isinstance(self.features, int):  # any other size is known with the model's width alone
            self.sae_config(width=1)
        return self

    @field_validator("groups")
    @classmethod
    def _two_groups(cls, groups: tuple[str, ...]) -> tuple[str, ...]:
        families = [family for group in groups for family in group.split("+")]
        if groups and (len(groups) != 2 or not all(families) or len(set(families)) < len(families)):
            raise PydanticCustomError(
                "groups",
                "write two groups of families, each family once, as in RF00005+RF00233,RF00001+RF00002, not {given}",
                {"given": ",".join(groups) or "nothing"},
            )
        return groups

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
            raise InputError(f"sae-families: {where}{first['msg'].removeprefix('Value error, ')}") from None
