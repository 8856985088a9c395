"""The settings of overlap-ratio."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from harness.task import LayerSettings, SeedSettings


class OverlapRatioSettings(LayerSettings, SeedSettings):
    """Settings of overlap-ratio."""

    pairs: Literal["families", "review", "review-rfam"] = Field(
        "families",
        description="how pairs are drawn (review: as published on ArchiveII, where 'non-homologs' may share a family; "
        "review-rfam: as published on Rfam, where they may share a clan)",
    )
    pair_count: int = Field(100_000, ge=1, description="number of homologous pairs, and of non-homologous ones")
    per_family: int = Field(10, ge=3, description="at most this many sequences per family")
    draws: int = Field(1000, ge=100, description="bootstrap draws")
