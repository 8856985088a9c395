"""Sequences longer than a model reads, cut into windows that overlap by half."""

from __future__ import annotations

from collections.abc import Iterator


def windows(length: int, longest: int | None) -> Iterator[tuple[int, int, int, int]]:
    """(start, stop, first, last) of every window: what is read, and the part of it whose states are kept.

    Every position is kept once, from the window in which it lies farthest from an end. All windows are of ``longest``
    nucleotides, the last one ends with the sequence.
    """
    if longest is None or length <= longest:
        yield 0, length, 0, length
        return
    starts = [*range(0, length - longest, max(1, longest // 2)), length - longest]
    first = 0
    for start, following in zip(starts, [*starts[1:], None], strict=True):
        # midway through what this window and the next one share
        last = length if following is None else (following + start + longest) // 2
        yield start, start + longest, first, last
        first = last
