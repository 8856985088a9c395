"""The settings of sae-families and their presets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from harness.errors import InputError
from harness.task import LayerSettings, SeedSettings

if TYPE_CHECKING:
    from tasks.sae.autoencoder.config import SAEConfig

PRESETS: dict[str, dict[str, Any]] = {
    "default": {},
    "demo": {"features": 1024, "steps": 300},
    "sae-rna": {"activation": "relu", "batch_size": 1024},
}


class SaeFamiliesSettings(LayerSettings, SeedSettings):
    """Settings of sae-families. A preset fills in what is not given."""

    preset: Literal["default", "demo", "sae-rna"] = "default"
    features: int | Literal["8d"] = Field(2048, description="dictionary size; 8d is eight times the model's width")
    k: int = Field(32, ge=1)
    steps: int = Field(1000, ge=1)
    batch_size: int = Field(2048, ge=1)
    activation: Literal["batchtopk", "topk", "relu", "jumprelu"] = "batchtopk"
    standardise: Literal["zscore", "center", "none"] = "zscore"
    draws: int = Field(2000, ge=100, description="bootstrap draws")
    groups: tuple[str, ...] = Field((), description="two groups of families to compare, such as A+B,C+D")

    @model_validator(mode="before")
    @classmethod
    def _fill_from_preset(cls, values: Any) -> Any:
        if isinstance(values, dict):
            return PRESETS.get(values.get("preset", "default"), {}) | values
        return values

    @model_validator(mode="after")
    def _make_an_autoencoder(self) -> Self:
        if self.features != "8d":  # which only the model's width says
            self.sae_config(width=1)
        return self

    @field_validator("groups")
    @classmethod
    def _two_groups(cls, groups: tuple[str, ...]) -> tuple[str, ...]:
        families = [family for group in groups for family in group.split("+")]
        if groups and (len(groups) != 2 or not all(families) or len(set(families)) < len(families)):
            raise PydanticCustomError(
                "groups",
                "two groups of families, none named twice, are written RF00005+RF00233,RF00001+RF00002, not {given}",
                {"given": ",".join(groups) or "nothing"},
            )
        return groups

    def sae_config(self, width: int) -> SAEConfig:
        """The configuration of every autoencoder of the cell.

        Raises:
            InputError: the settings do not fit together.
        """
        from pydantic import ValidationError

        from tasks.sae.autoencoder.config import PRESETS as SAE_PRESETS

        base = SAE_PRESETS["sae-rna" if self.preset == "sae-rna" else "default"]
        own = {name: getattr(self, name) for name in ("k", "steps", "batch_size", "activation", "standardise")}
        features = 8 * width if self.features == "8d" else self.features
        try:
            return type(base).model_validate(base.model_dump() | own | {"features": features})
        except ValidationError as error:
            first = error.errors()[0]
            where = "".join(f"{part}: " for part in first["loc"])
            raise InputError(f"sae-families: {where}{first['msg'].removeprefix('Value error, ')}") from None
