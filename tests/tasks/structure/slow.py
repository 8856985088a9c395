"""The protocol of structure-f1 again, by loops and sets, sharing no code with the task."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np


def pairs_of(length: int) -> list[tuple[int, int]]:
    return [(i, j) for i in range(length) for j in range(i + 1, length)]


def probabilities(attention: np.ndarray) -> dict[tuple[int, int], float]:
    """sigmoid(APC(A + Aᵀ)) of one head in float64."""
    length = len(attention)
    s = [[float(attention[i][j]) + float(attention[j][i]) for j in range(length)] for i in range(length)]
    total = sum(sum(row) for row in s)
    result = {}
    for i, j in pairs_of(length):
        correction = sum(s[i]) * sum(s[k][j] for k in range(length)) / total if total else 0.0
        result[i, j] = 1 / (1 + math.exp(correction - s[i][j]))
    return result


def counts(scores: np.ndarray, known: set[int], threshold: np.float32) -> tuple[int, int, int]:
    """tp, fp, fn of P ≥ T, one pair at a time."""
    predicted = {k for k, score in enumerate(scores) if score >= threshold}
    return len(predicted & known), len(predicted - known), len(known - predicted)


def pooled_f1(parts: Sequence[tuple[int, int, int]]) -> float:
    tp, fp, fn = (sum(part[k] for part in parts) for k in range(3))
    return 2 * tp / (2 * tp + fp + fn) if tp + fp + fn else 0.0


def best_step(rnas: Sequence[tuple[np.ndarray, set[int]]]) -> tuple[float, int]:
    """The best pooled F1 over all thresholds, and the number of the lowest threshold that has it."""
    best = (-1.0, 0)
    for step in range(1001):
        value = pooled_f1([counts(scores, known, np.float32(step / 1000)) for scores, known in rnas])
        if value > best[0]:
            best = (value, step)
    return best
