"""Both maps and their controls by plain loops, one sequence at a time: slow, and written without the task's code."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np

Predict = Callable[[str], np.ndarray]


def replaced(sequence: str, i: int, letter: str) -> str:
    return sequence[:i] + letter + sequence[i + 1 :]


def odds_ratio(after: np.ndarray, before: np.ndarray, letter: int) -> float:
    """|log2 odds ratio| of one letter, from four log-probabilities each."""
    found = []
    for values in (after, before):
        probabilities = [math.exp(float(value)) + 1e-10 for value in values]
        total = sum(probabilities)
        share = probabilities[letter] / total
        rest = sum(p for k, p in enumerate(probabilities) if k != letter) / total
        found.append(math.log2(share / rest))
    return abs(found[0] - found[1])


def dependency_map(sequence: str, predict: Predict) -> np.ndarray:
    length, before = len(sequence), predict(sequence)
    found = np.zeros((length, length))
    for i in range(length):
        for letter in "ACGU":
            if sequence[i] == "N" or letter == sequence[i]:
                continue
            after = predict(replaced(sequence, i, letter))
            for j in range(length):
                if j != i:
                    strongest = max(odds_ratio(after[j], before[j], k) for k in range(4))
                    found[i, j] = max(found[i, j], strongest)
                    found[j, i] = max(found[j, i], strongest)
    return found


def jacobian(sequence: str, predict: Predict) -> np.ndarray:
    """(L, 4, L, 4) changes of log-probabilities, centred over one axis after the other."""
    length, before = len(sequence), predict(sequence)
    changes = np.zeros((length, 4, length, 4))
    for i in range(length):
        for a, letter in enumerate("ACGU"):
            if sequence[i] != "N":
                changes[i, a] = predict(replaced(sequence, i, letter)).astype(float) - before
    centred = changes.copy()
    for i in range(length):
        for a in range(4):
            for j in range(length):
                for b in range(4):
                    # centring over four axes: all sixteen means, by inclusion and exclusion
                    total = 0.0
                    for which in range(16):
                        place: list[int | slice] = [i, a, j, b]
                        for axis in range(4):
                            if which >> axis & 1:
                                place[axis] = slice(None)
                        total += (-1) ** bin(which).count("1") * float(np.mean(changes[tuple(place)]))
                    centred[i, a, j, b] = total
    return centred


def jacobian_map(centred: np.ndarray, causal: bool = False) -> np.ndarray:
    length = len(centred)
    found = np.zeros((length, length))
    for i in range(length):
        for j in range(i + 1, length):
            forth, back = (math.sqrt(float((centred[p, :, q] ** 2).sum())) for p, q in ((i, j), (j, i)))
            found[i, j] = found[j, i] = forth if causal else (forth + back) / 2
    sums, total = found.sum(axis=0), found.sum()
    return np.array([[found[i, j] - sums[i] * sums[j] / total for j in range(length)] for i in range(length)])


def likeness(centred: np.ndarray, i: int, j: int, causal: bool = False) -> tuple[float, float]:
    """Correlation of the 16 numbers of a pair's block with those of a Watson-Crick pair and of a repeat."""
    block = centred[i, :, j] if causal else (centred[i, :, j] + centred[j, :, i].T) / 2
    pairing = [[float(a + b == 3) for b in range(4)] for a in range(4)]  # A C G U: A with U, C with G
    return tuple(float(np.corrcoef(block.ravel(), np.ravel(other))[0, 1]) for other in (pairing, np.eye(4)))  # type: ignore[return-value]


def partner_specificity(
    pairs: list[tuple[int, int]], score: Mapping[tuple[int, int], float], letters: str = ""
) -> tuple[float, int]:
    """Wins and comparisons; ``score`` holds the pairs i < j that have one; ``letters`` asks for alike partners."""

    def value(i: int, j: int) -> float | None:
        return score.get((min(i, j), max(i, j)))

    def peak(i: int, j: int) -> float | None:
        own = value(i, j)
        near = [value(p, q) for p, q in ((i - 1, j), (i + 1, j), (i, j - 1), (i, j + 1))]
        there = [number for number in near if number is not None]
        return None if own is None or not there else own - sum(there) / len(there)

    wins, compared = 0.0, 0
    for i, j in pairs:
        stem, known = [(i, j)], set(pairs)
        for step in (-1, 1):
            p, q = i + step, j - step
            while (p, q) in known:
                stem.append((p, q))
                p, q = p + step, q - step
        for _, other in stem[1:]:
            true, false = peak(i, j), peak(i, other)
            if letters and letters[other] != letters[j]:
                continue
            if (i, other) not in known and true is not None and false is not None:
                compared += 1
                wins += 1 if true > false else 0.5 if true == false else 0
    return wins, compared
