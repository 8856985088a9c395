"""The numbers of similarity as their definitions read: loops over items, and over quadruples of distinct RNAs."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def hsic_of_quadruples(x: Floats, y: Floats, rna: list[int]) -> float:
    """Mean over all quadruples of items of distinct RNAs of the kernel of HSIC's U-statistic."""
    k, m = x @ x.T, y @ y.T
    items = [[i for i, own in enumerate(rna) if own == name] for name in sorted(set(rna))]
    values = [
        k[i, j] * (m[i, j] + m[q, r] - 2 * m[i, q]) for four in permutations(items, 4) for i, j, q, r in product(*four)
    ]
    return float(np.mean(values))


def hsic_of_song(x: Floats, y: Floats) -> float:
    """Song et al. 2012, equation 5, in O(n²) by the kernels."""
    n = len(x)
    k, m = x @ x.T, y @ y.T
    np.fill_diagonal(k, 0)
    np.fill_diagonal(m, 0)
    one = np.ones(n)
    first = np.trace(k @ m)
    second = (one @ k @ one) * (one @ m @ one) / ((n - 1) * (n - 2))
    third = 2 / (n - 2) * (one @ k @ m @ one)
    return float((first + second - third) / (n * (n - 3)))


def hsic_of_rnas(x: Floats, y: Floats, rna: list[int]) -> float:
    """The same from means over pairs of RNAs, in loops over RNAs: all of these that are distinct."""
    names = sorted(set(rna))
    members = [np.flatnonzero(np.array(rna) == name) for name in names]
    k, m = x @ x.T, y @ y.T
    n = len(names)
    pair_k = np.array([[k[np.ix_(a, b)].mean() for b in members] for a in members])
    pair_m = np.array([[m[np.ix_(a, b)].mean() for b in members] for a in members])
    one_k = np.stack([k[:, b].mean(axis=1) for b in members], axis=1)
    one_m = np.stack([m[:, b].mean(axis=1) for b in members], axis=1)
    two, three, four = [], [], []
    for a in range(n):
        for b in range(n):
            if a == b:
                continue
            two.append((k[np.ix_(members[a], members[b])] * m[np.ix_(members[a], members[b])]).mean())
            for c in range(n):
                if c in (a, b):
                    continue
                three.append((one_k[members[a], b] * one_m[members[a], c]).mean())
                rest = np.ones(n, bool)
                rest[[a, b, c]] = False
                four.append(pair_k[a, b] * pair_m[c][rest].mean())
    return float(np.mean(two) - 2 * np.mean(three) + np.mean(four))


def cka(x: Floats, y: Floats, hsic=hsic_of_song, *more: object) -> float:  # type: ignore[no-untyped-def]
    return float(hsic(x, y, *more) / np.sqrt(hsic(x, x, *more) * hsic(y, y, *more)))


def shared_neighbours(x: Floats, y: Floats, rna: list[int], count: int) -> float:
    """Without ties: sets of the nearest by cosine among other RNAs."""

    def nearest(states: Floats, item: int) -> set[int]:
        def cosine(other: int) -> float:
            a, b = states[item], states[other]
            return float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))

        others = [other for other in range(len(states)) if rna[other] != rna[item]]
        return set(sorted(others, key=cosine, reverse=True)[:count])

    return float(np.mean([len(nearest(x, item) & nearest(y, item)) / count for item in range(len(x))]))
