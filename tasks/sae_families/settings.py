"""The settings of sae-families."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field, field_validator
from pydantic_core import PydanticCustomError

from tasks.sae.settings import SaeSettings


class SaeFamiliesSettings(SaeSettings):
    """Settings of sae-families. A preset fills in what is not given."""

    task: ClassVar[str] = "sae-families"

    groups: tuple[str, ...] = Field((), description="two groups of families to compare, such as A+B,C+D")

    @field_validator("groups")
    @classmethod
    def _two_groups(cls, groups: tuple[str, ...]) -> tuple[str, ...]:
        families = [family for group in groups for family in group.split("+")]
        if groups and (len(groups) != 2 or not all(families) or len(set(families)) < len(families)):
            raise PydanticCustomError(
                "groups",
                "write two groups of families, each family once, as in RF00005+RF00233,RF00001+RF00002, not {given}",
                {"given": ",".join(groups) or "nothing"},
            )
        return groups
