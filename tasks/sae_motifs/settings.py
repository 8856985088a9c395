"""The settings of sae-motifs."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from tasks.sae.settings import SaeSettings


class SaeMotifsSettings(SaeSettings):
    """Settings of sae-motifs. A preset fills in what is not given."""

    task: ClassVar[str] = "sae-motifs"

    motifs: Literal["embedded", "jaspar", "rbp"] = Field(
        "embedded",
        description="embedded: 48 JASPAR matrices that ship with the package; jaspar: all vertebrate ones of JASPAR "
        "2024; rbp: motifs of RNA-binding proteins, forward strand only",
    )
    sequences: int = Field(12_000, ge=1, description="of a set without splits, use at most N sequences, by hash")
