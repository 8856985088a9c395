"""The settings of structure-f1."""

from __future__ import annotations

from pydantic import Field

from harness.task import TaskSettings


class StructureF1Settings(TaskSettings):
    """Settings of structure-f1."""

    limit: int | None = Field(
        None, ge=1, description="use at most N RNAs in all, shared evenly by train, select and test"
    )
    train_records: int = Field(500, ge=0, description="training RNAs added to validation in the second selection")
    depths: tuple[int, ...] = Field(
        (1, 10, 100), description="reduced alignment depths, for models that read alignments"
    )
    draws: int = Field(2000, ge=100, description="bootstrap draws")
