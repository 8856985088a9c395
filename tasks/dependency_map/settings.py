"""The settings of dependency-map."""

from __future__ import annotations

from pydantic import Field

from harness.task import TaskSettings


class DependencyMapSettings(TaskSettings):
    """Settings of dependency-map. The default limit takes all of ``pdb-rna``: a map costs 3L + 1 passes."""

    limit: int | None = Field(72, ge=1, description="use at most N RNAs in all, shared evenly by select and test")
    draws: int = Field(2000, ge=100, description="bootstrap draws")
