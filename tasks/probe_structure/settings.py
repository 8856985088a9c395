"""The settings of probe-structure."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from harness.task import LayerSettings, SeedSettings


class ProbeStructureSettings(LayerSettings, SeedSettings):
    """Settings of probe-structure. A seed draws the training RNAs and the start of a head, and makes a random twin."""

    limit: int | None = Field(
        300, ge=1, description="use at most N RNAs in all, shared evenly by train, select and test"
    )
    examples: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        (20, 100), description="numbers of training RNAs for heads on hidden states, besides all of them"
    )
    attention_examples: int = Field(20, ge=1, description="training RNAs for the regression on attention maps")
    steps: int = Field(200, ge=4, description="training steps of a head on hidden states, of 8 RNAs each")
    tuned_blocks: int = Field(
        0, ge=0, description="last blocks of the model that are trained with the small head; 0 leaves this out"
    )
    tuned_rank: int = Field(
        8, ge=0, description="rank of the adapters in these blocks; 0 trains all of their weights (for GPUs)"
    )
    draws: int = Field(2000, ge=100, description="bootstrap draws")
