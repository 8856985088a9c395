"""Groups of families by name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.errors import InputError, did_you_mean
from tasks.levels import Levels


@dataclass(frozen=True)
class FamilyGroup:
    """Compared families that a word names, at the level at which it was found."""

    word: str
    level: str
    families: tuple[str, ...]


def group_named(words: str, levels: Levels, compared: Sequence[str]) -> FamilyGroup:
    """The compared families that ``words`` names: a word of any level, LEVEL:WORD, or several joined by +.

    Where a word is known at several levels, the one with the most compared families counts: tRNA is a clan before it
    is a family.

    Raises:
        InputError: no compared family is called so.
    """
    found = [_word_named(word, levels, compared) for word in words.split("+")]
    families = dict.fromkeys(family for group in found for family in group.families)
    return FamilyGroup(words, ", ".join(dict.fromkeys(group.level for group in found)), tuple(families))


def two_groups(words: tuple[str, str], levels: Levels, compared: Sequence[str]) -> tuple[FamilyGroup, FamilyGroup]:
    """Both groups of a comparison.

    Raises:
        InputError: one names no family, or the two share some.
    """
    first, second = (group_named(own, levels, compared) for own in words)
    if shared := sorted(set(first.families) & set(second.families)):
        raise InputError(
            f"{first.word} and {second.word} share {', '.join(shared)}: name groups without common families, for "
            "instance with LEVEL:NAME"
        )
    return first, second


def _word_named(word: str, levels: Levels, compared: Sequence[str]) -> FamilyGroup:
    head, colon, rest = word.partition(":")
    asked = {head: levels.of[head]} if colon and head in levels.of else levels.of
    wanted = (rest if colon and head in levels.of else word).strip().casefold()
    best = FamilyGroup(word, "", ())
    for level, members in asked.items():
        own = [name for name in compared if wanted in (label.casefold() for label in members.get(name, ()))]
        if len(own) > len(best.families):
            best = FamilyGroup(word, level, tuple(own))
    if not best.families:
        known = sorted({label for members in asked.values() for name in compared for label in members.get(name, ())})
        raise InputError(
            f"{word!r} names none of the {len(compared)} compared families at any level ({', '.join(asked)})."
            f"{did_you_mean(word, known)} A family has to have enough clusters to be compared: see --clusters"
        )
    return best
