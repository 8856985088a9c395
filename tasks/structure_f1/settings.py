"""The settings of structure-f1."""

from __future__ import annotations

from pydantic import Field

from harness.task import TaskSettings


class StructureF1Settings(TaskSettings):
    """Settings of structure-f1."""

    limit: int | None = Field(
        None, ge=1, description="use only so many RNAs in all, shared evenly by train, select and test"
    )
    train_records: int = Field(500, ge=0, description="train RNAs that join validation in the second selection")
    depths: tuple[int, ...] = Field((1, 10, 100), description="rows of shallower alignments, for models that read them")
    draws: int = Field(2000, ge=100, description="bootstrap draws")
