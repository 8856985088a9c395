"""The settings of fitness."""

from __future__ import annotations

from pydantic import Field

from harness.task import TaskSettings


class FitnessSettings(TaskSettings):
    """Settings of fitness."""

    limit: int | None = Field(None, ge=1, description="use at most N variants of each assay")
    pseudo_likelihood: int = Field(
        500,
        ge=0,
        description="pseudo-likelihood if no assay has more variants (one pass per nucleotide of each variant)",
    )
    draws: int = Field(2000, ge=100, description="bootstrap draws")
