"""Substitutions as text, such as ``A12C`` or ``A12C,G15U``; positions count from 1, T is read as U."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from harness.errors import InputError

_FORM = re.compile(r"([ACGU])(\d+)([ACGU])")
_BETWEEN = re.compile(r"[,:;/\s]+")
_RNA = str.maketrans("acgutT", "ACGUUU")


class Mutation(NamedTuple):
    """A substitution; ``position`` counts from 0."""

    before: str
    position: int
    after: str

    def __str__(self) -> str:
        return f"{self.before}{self.position + 1}{self.after}"


def parse(text: str) -> tuple[Mutation, ...]:
    """The mutations of a variant, by position; none of an empty text.

    Raises:
        InputError: a part that is no substitution, changes nothing, or two of them at one position.
    """
    found: dict[int, Mutation] = {}
    for part in filter(None, _BETWEEN.split(text)):
        match = _FORM.fullmatch(part.translate(_RNA))
        if match is None or match[2].lstrip("0") == "" or match[1] == match[3]:
            raise InputError(f"{part!r} is not a substitution such as A12C (positions count from 1)")
        own = Mutation(match[1], int(match[2]) - 1, match[3])
        if own.position in found:
            raise InputError(f"{text!r} replaces position {own.position + 1} twice")
        found[own.position] = own
    return tuple(found[position] for position in sorted(found))


def mutated(sequence: str, mutations: Sequence[Mutation]) -> str:
    """The sequence with its mutations.

    Raises:
        InputError: a mutation does not fit the sequence.
    """
    letters = list(sequence)
    for own in mutations:
        if own.position >= len(sequence):
            raise InputError(f"{own} does not fit the wild type, which has {len(sequence)} nucleotides")
        if letters[own.position] != own.before:
            raise InputError(
                f"{own} does not fit the wild type, which has {letters[own.position]} at position {own.position + 1}"
            )
        letters[own.position] = own.after
    return "".join(letters)


def undone(sequence: str, mutations: Sequence[Mutation]) -> str:
    """What the sequence was before its mutations.

    Raises:
        InputError: the sequence does not have them.
    """
    try:
        return mutated(sequence, [Mutation(own.after, own.position, own.before) for own in mutations])
    except InputError:
        named = ",".join(str(own) for own in mutations)
        raise InputError(f"the sequence does not have the mutations {named}") from None


def between(wild_type: str, sequence: str) -> tuple[Mutation, ...]:
    """The substitutions that lead from a wild type to a sequence of the same length."""
    pairs = enumerate(zip(wild_type, sequence, strict=True))
    return tuple(Mutation(before, position, after) for position, (before, after) in pairs if before != after)
