"""Aligned sequences, which models with the capability ``alignment`` read instead of single sequences."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from harness.errors import InputError


@dataclass(frozen=True)
class Alignment:
    """Rows of equal length over A C G U N and the gap ``-``; the first row is the query."""

    name: str
    rows: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.rows or not self.query:
            raise InputError(f"alignment {self.name!r} has no query sequence")
        if len({len(row) for row in self.rows}) > 1:
            raise InputError(f"alignment {self.name!r} has rows of different lengths")

    @cached_property
    def query(self) -> str:
        """The first row without its gaps."""
        return self.rows[0].replace("-", "")

    @property
    def query_columns(self) -> tuple[int, ...]:
        """The column of every nucleotide of the query."""
        return tuple(column for column, letter in enumerate(self.rows[0]) if letter != "-")

    @property
    def depth(self) -> int:
        return len(self.rows)

    def shallow(self, depth: int) -> Alignment:
        """The first ``depth`` rows, query included."""
        return Alignment(self.name, self.rows[:depth])


ModelInput = str | Alignment
"""What a model reads: a sequence, or an alignment where it has the capability ``alignment``."""


def sequence_of(given: ModelInput) -> str:
    """The sequence whose nucleotides index everything that a model returns for ``given``."""
    return given if isinstance(given, str) else given.query
