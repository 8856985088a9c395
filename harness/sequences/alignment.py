"""Aligned sequences, which models with the capability ``alignment`` read instead of single sequences."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from harness.errors import InputError


@dataclass(frozen=True)
class Alignment:
    """Rows of equal length over A C G U N and the gap ``-``, one of which is the query: the first, unless
    ``query_row`` says otherwise. Records of one family so share the rows that they were written with.
    """

    name: str
    written: tuple[str, ...]
    query_row: int = 0

    def __post_init__(self) -> None:
        if not self.written or not self.query:
            raise InputError(f"alignment {self.name!r} has no query sequence")
        if len(set(map(len, self.written))) > 1:
            raise InputError(f"alignment {self.name!r} has rows of different lengths")

    @property
    def rows(self) -> tuple[str, ...]:
        """The query first, then the others as written."""
        if self.query_row == 0:
            return self.written
        return (
            self.written[self.query_row],
            *self.written[: self.query_row],
            *self.written[self.query_row + 1 :],
        )

    @cached_property
    def query(self) -> str:
        """The query's row without its gaps."""
        return self.written[self.query_row].replace("-", "")

    @property
    def query_columns(self) -> tuple[int, ...]:
        """The column of every nucleotide of the query."""
        return tuple(column for column, letter in enumerate(self.written[self.query_row]) if letter != "-")

    @property
    def depth(self) -> int:
        return len(self.written)

    def part(self, start: int, stop: int) -> Alignment:
        """The columns from nucleotide ``start`` of the query to nucleotide ``stop`` - 1."""
        columns = slice(self.query_columns[start], self.query_columns[stop - 1] + 1)
        return Alignment(self.name, tuple(row[columns] for row in self.written), self.query_row)

    def shallow(self, depth: int) -> Alignment:
        """The first ``depth`` rows, query included."""
        return Alignment(self.name, self.rows[:depth])


ModelInput = str | Alignment
"""What a model reads: a sequence, or an alignment where it has the capability ``alignment``."""


def sequence_of(given: ModelInput) -> str:
    """The sequence whose nucleotides index everything that a model returns for ``given``."""
    return given if isinstance(given, str) else given.query
