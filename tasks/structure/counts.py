"""True positives and predicted pairs of every head at all 1,001 thresholds, from one sort."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from harness.errors import HarnessError
from harness.statistics.metrics import f1_of_counts
from tasks.structure.maps import Indices, Scores

Floats = NDArray[np.float64]

THRESHOLDS: Scores = (np.arange(1001) / 1000).astype(np.float32)
"""0, 0.001, …, 1 in the precision of the scores, so that P ≥ T means what it says for scores on the grid."""


def at_least(scores: Scores) -> Indices:
    """How many scores of each row reach each threshold: (heads, pairs) to (heads, 1001).

    Sorting float32 is the fastest exact way there is: numpy vectorises it, and nothing is rounded to bins.

    Raises:
        HarnessError: a score is not a number.
    """
    reached = np.empty((len(scores), len(THRESHOLDS)), dtype=np.int64)
    for row, out in zip(scores, reached, strict=True):
        ordered = np.sort(row)
        if np.isnan(ordered[-1:]).any():
            raise HarnessError("the model returned pair scores that are not numbers (NaN): check its weights")
        np.subtract(len(row), ordered.searchsorted(THRESHOLDS), out=out)
    return reached


def count(scores: Scores, known: Indices) -> tuple[Indices, Indices]:
    """True positives and predicted pairs (heads, 1001) each, of scores (heads, pairs) and indices of known pairs."""
    return at_least(scores[:, known]), at_least(scores)


@dataclass
class Tally:
    """Counts of every head, pooled over RNAs; a layer takes heads x 1001 x 16 bytes however many RNAs there are."""

    layers: dict[int, tuple[Indices, Indices]] = field(default_factory=dict)

    def add(self, layer: int, counts: tuple[Indices, Indices]) -> None:
        if layer in self.layers:
            for pooled, own in zip(self.layers[layer], counts, strict=True):
                pooled += own
        else:
            self.layers[layer] = counts[0].copy(), counts[1].copy()

    @property
    def heads(self) -> list[tuple[int, int]]:
        """(layer, head) of every row of :meth:`f1`; heads count from 0, layers as the model's."""
        return [(layer, head) for layer in sorted(self.layers) for head in range(len(self.layers[layer][0]))]

    def f1(self, known: int) -> Floats:
        """Pooled F1 (heads, 1001); ``known`` is the number of known pairs of all RNAs added."""
        return np.concatenate([f1_of_counts(*self.layers[layer], known) for layer in sorted(self.layers)])

    def arrays(self) -> dict[str, Indices]:
        """Everything in arrays by name, to be stored."""
        parts = ("true positives", "predicted")
        return {
            f"{layer} {part}": array
            for layer, counts in self.layers.items()
            for part, array in zip(parts, counts, strict=True)
        }

    @classmethod
    def of(cls, arrays: Mapping[str, Indices]) -> Tally:
        """Undo :meth:`arrays`; what has another name is left alone."""
        layers = [int(name.split()[0]) for name in arrays if name.endswith(" true positives")]
        return cls({layer: (arrays[f"{layer} true positives"], arrays[f"{layer} predicted"]) for layer in layers})

    def __add__(self, other: Tally) -> Tally:
        both = Tally()
        for tally in (self, other):
            for layer, counts in tally.layers.items():
                both.add(layer, counts)
        return both


def exact_threshold(scores: Scores, known_scores: Scores) -> float:
    """The score at which predicting P ≥ it has the best F1, not bound to the grid; the lowest one if several.

    Only scores of known pairs come into question: raising the threshold past a pair that is not one improves F1.

    Args:
        scores: (n,) of all pairs.
        known_scores: (p,) of the known ones among them, p ≥ 1.
    """
    ordered, right = np.sort(scores), np.sort(known_scores)
    candidates = np.unique(right)
    true_positives = len(right) - right.searchsorted(candidates)
    values = f1_of_counts(true_positives, len(ordered) - ordered.searchsorted(candidates), len(right))
    return float(candidates[int(values.argmax())])
