"""The test sequences: seeded, of mixed lengths, and within the limits of the model's card."""

from __future__ import annotations

import random

from harness.adapter import ModelCard
from harness.sequences.alignment import Alignment

LONGEST = 200
"""Nucleotides: long enough to meet padding and several tokens, short enough for a large model on a CPU."""

_LENGTHS = (1, 7, 31, 64, 97, LONGEST)
_PROBE_LENGTH = 36
_ROWS = 3


def letters_of(card: ModelCard) -> tuple[str, str]:
    """The letters of the model's alphabet, and the one that stands for any of them."""
    return ("ACDEFGHIKLMNPQRSTVWY", "X") if card.alphabet == "protein" else ("ACGU", "N")


def fitting_length(card: ModelCard, length: int) -> int:
    """The nearest length, from below where there is one, that the card says the model takes."""
    multiple = card.length_multiple
    most = (min(length, card.max_length or length) // multiple) * multiple
    least = -(-card.min_length // multiple) * multiple
    return max(most, least)


def standard_sequences(card: ModelCard) -> list[str]:
    """Distinct lengths from the shortest the model takes to at most :data:`LONGEST`, longest first."""
    letters, _ = letters_of(card)
    chance = random.Random(0)
    lengths = sorted({fitting_length(card, length) for length in _LENGTHS}, reverse=True)
    return ["".join(chance.choices(letters, k=length)) for length in lengths]


def probe_sequence(card: ModelCard) -> str:
    """A sequence for changes of single letters."""
    letters, _ = letters_of(card)
    return "".join(random.Random(1).choices(letters, k=fitting_length(card, _PROBE_LENGTH)))


def aligned(sequence: str) -> Alignment:
    """An alignment with this query; the other rows depend on its length alone."""
    chance = random.Random(len(sequence))
    others = ("".join(chance.choices("ACGU-", k=len(sequence))) for _ in range(_ROWS - 1))
    return Alignment("query", (sequence, *others))
