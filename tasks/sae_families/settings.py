"""The settings of sae-families."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, field_validator
from pydantic_core import PydanticCustomError

from tasks.sae.settings import SaeSettings


class SaeFamiliesSettings(SaeSettings):
    """Settings of sae-families. A preset fills in what is not given."""

    task: ClassVar[str] = "sae-families"

    groups: tuple[str, ...] = Field((), description="two groups of families to compare, such as A+B,C+D")

    # not in a record where it is not given: it came later, and older cells are the same without it
    aggregate: Literal["mean", "window", "max", "active"] | None = Field(
        None,
        exclude_if=lambda value: value is None,
        description="score of a sequence; by default its mean or the maximum in a window, as select prefers",
    )

    @property
    def headlines(self) -> tuple[str, ...]:
        """Aggregations that every source is scored by; select chooses one of them for the headline."""
        from tasks.sae.aggregate import FRACTION_ACTIVE, FULL_MAXIMUM, HEADLINES, MEAN, WINDOW

        aggregations = {"mean": MEAN, "window": WINDOW, "max": FULL_MAXIMUM, "active": FRACTION_ACTIVE}
        return HEADLINES if self.aggregate is None else (aggregations[self.aggregate],)

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
