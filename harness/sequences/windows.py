"""Sequences longer than a model reads, cut into windows that overlap by half."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from harness.adapter import ModelCard


class Window(NamedTuple):
    """What is read, ``start`` to ``stop``, and the part of it whose states are kept, ``first`` to ``last``."""

    start: int
    stop: int
    first: int
    last: int


def windows(length: int, card: ModelCard) -> Iterator[Window]:
    """The windows in which the model of this card reads a sequence; one where it takes the whole.

    Every position is kept once, from the window in which it lies farthest from an end. All windows are as long as the
    model allows, the last one ends with the sequence. A model of codons reads windows of whole codons, in the frame of
    the sequence.
    """
    longest, codon = card.max_length, card.length_multiple
    if longest is None or length <= longest:
        yield Window(0, length, 0, length)
        return
    longest -= longest % codon
    step = max(codon, longest // 2 // codon * codon)
    starts = [*range(0, length - longest, step), length - longest]
    first = 0
    for start, following in zip(starts, [*starts[1:], None], strict=True):
        # midway through what this window and the next one share
        last = length if following is None else (following + start + longest) // 2
        yield Window(start, start + longest, first, last)
        first = last
