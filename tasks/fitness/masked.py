"""What a model predicts under masks: every masked sequence once, however many scores read it."""

from __future__ import annotations

from collections.abc import Iterable
from math import log

import numpy as np
from numpy.typing import NDArray

from harness.adapter import ModelAdapter
from harness.errors import HarnessError

LETTERS = "ACGU"
MASK = "#"
Request = tuple[str, tuple[int, ...]]
"""A sequence and the positions that are masked in it, ascending."""


class Masked:
    """Log-probabilities at masked positions, read from a model in one go and then looked up."""

    def __init__(self, model: ModelAdapter, requests: Iterable[Request]) -> None:
        """Letters under a mask do not matter: requests that differ in nothing else are one.

        Raises:
            HarnessError: the model returned something else than what was asked for.
        """
        asked: dict[str, Request] = {}
        for sequence, positions in requests:
            asked.setdefault(_hidden(sequence, positions), (sequence, positions))
        names, wanted = list(asked), list(asked.values())
        self._found: dict[str, dict[int, NDArray[np.float32]]] = {}
        for index, rows in model.log_probs([sequence for sequence, _ in wanted], [own for _, own in wanted]):
            positions = wanted[index][1]
            if rows.shape != (len(positions), len(LETTERS)):
                raise HarnessError(
                    f"{model.card.name} returned {rows.shape} log-probabilities at {len(positions)} masks"
                )
            self._found[names[index]] = dict(zip(positions, rows, strict=True))
        if len(self._found) < len(wanted):
            raise HarnessError(f"{model.card.name} returned {len(self._found)} of {len(wanted)} masked sequences")

    def row(self, sequence: str, masked: tuple[int, ...], position: int) -> NDArray[np.float32]:
        """(4,) log-probabilities of A, C, G, U at one of the masked positions."""
        return self._found[_hidden(sequence, masked)][position]

    def log_probability(self, letter: str, sequence: str, masked: tuple[int, ...], position: int) -> float:
        """Of a letter at one of the masked positions."""
        return float(self.row(sequence, masked, position)[LETTERS.index(letter)])


def _hidden(sequence: str, positions: tuple[int, ...]) -> str:
    if len(positions) == 1:
        [place] = positions
        return sequence[:place] + MASK + sequence[place + 1 :]
    letters = list(sequence)
    for place in positions:
        letters[place] = MASK
    return "".join(letters)


DEAD = log(1.01)
"""Predictions closer than this have odds within 1 %: they are the same whatever surrounds a position."""


def spread(rows: Iterable[NDArray[np.float32]]) -> float:
    """How far the prediction of any letter moves between positions: its largest log-probability less its smallest."""
    stacked = np.stack(list(rows)).astype(np.float64)
    return float((stacked.max(axis=0) - stacked.min(axis=0)).max())
