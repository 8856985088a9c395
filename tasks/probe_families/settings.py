"""The settings of probe-families."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from harness.task import LayerSettings, SeedSettings


class ProbeFamiliesSettings(LayerSettings, SeedSettings):
    """Settings of probe-families. A seed draws the examples, and makes a random twin."""

    limit: int | None = Field(50, ge=1, description="use at most N families")
    examples: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        (1, 5), min_length=1, description="training sequences per family, besides all of them"
    )
    most_examples: int = Field(20, ge=1, description="training sequences per family that count as all")
    draws: int = Field(2000, ge=100, description="bootstrap draws")
