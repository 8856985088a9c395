"""The settings of similarity."""

from __future__ import annotations

from pydantic import Field

from harness.task import Seeds, SeedSettings


class SimilaritySettings(SeedSettings):
    """Settings of similarity; every seed is the initialisation of a random twin, and there are two or more."""

    seeds: Seeds = Field((0, 1, 2, 3, 4), min_length=2)
    limit: int | None = Field(128, ge=1, description="use at most N RNAs, one of each family or cluster")
    per_sequence: int = Field(16, ge=1, description="nucleotides of each RNA; shorter RNAs are skipped")
    neighbours: int = Field(10, ge=1, description="nearest neighbours of a nucleotide that two layers may share")
    draws: int = Field(2000, ge=100, description="bootstrap draws")
