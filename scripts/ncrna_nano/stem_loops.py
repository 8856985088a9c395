"""Synthetic RNAs: random stems and loops, from which a small model learns to look for the partner of a base.

Natural RNA repays the search for a partner too thinly for a model this small to discover it. In these RNAs a hidden
nucleotide of a stem follows from the other strand and from nothing else: nucleotides are uniform, so that there is no
composition, no word and no family to learn.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

WOBBLES = 0.08
MISMATCHES = 0.05
DEEPEST = 3
"""Helices within helices within helices."""

Part = tuple[NDArray[np.int64], NDArray[np.int64]]
"""Codes 0 to 3 of A C G U, and for each nucleotide the index of its partner in the part, -1 where it is unpaired."""


def stem_loop_rna(difficulty: float, longest: int, generator: np.random.Generator) -> tuple[str, NDArray[np.bool_]]:
    """One RNA of at most ``longest`` nt: hairpins between unpaired stretches.

    Args:
        difficulty: 0 for one perfect hairpin with a short loop, 1 for up to three elements with longer flanks and
            loops, internal loops, bulges, junctions, G-U pairs and mismatches.

    Returns:
        The sequence, and for each nucleotide whether it has a partner: (length,) bool.
    """
    flank = 2 + int(12 * difficulty)
    parts = [_unpaired(0, flank, generator)]
    for _ in range(1 + int(generator.integers(0, 1 + int(2.99 * difficulty)))):
        parts += [_element(difficulty, 0, generator), _unpaired(0, flank, generator)]
    codes, partners = _joined(parts)
    codes, partners = codes[:longest], partners[:longest]
    return "".join("ACGU"[code] for code in codes), (partners >= 0) & (partners < longest)


def _element(difficulty: float, depth: int, generator: np.random.Generator) -> Part:
    """A helix around a loop, or around further elements."""
    strand, _ = _unpaired(4 if depth else 6, 14, generator)
    kind = generator.random() if depth < DEEPEST else 1.0
    if kind < 0.45 * difficulty:
        parts = [_unpaired(0, 4, generator)]
        for _ in range(1 if kind < 0.35 * difficulty else 2):
            parts += [_element(difficulty, depth + 1, generator), _unpaired(0, 4, generator)]
        inner = _joined(parts)
    else:
        inner = _unpaired(3, 5 + int(10 * difficulty), generator)
    return _enclosed(strand, inner, difficulty, generator)


def _enclosed(strand: NDArray[np.int64], inner: Part, difficulty: float, generator: np.random.Generator) -> Part:
    """``inner`` between a strand and its partner, with G-U pairs and mismatches."""
    other = 3 - strand[::-1]
    fate = generator.random(len(other))
    other = np.where((other < 2) & (fate < WOBBLES * difficulty), other + 2, other)  # A -> G, C -> U: G-U pairs
    foreign = fate > 1 - MISMATCHES * difficulty
    other = np.where(foreign, generator.integers(0, 4, len(other)), other)
    opposite = np.where(foreign, -1, np.arange(len(strand))[::-1])
    start = len(strand) + len(inner[0])
    partners = np.where(foreign[::-1], -1, start + np.arange(len(strand))[::-1])
    within = np.where(inner[1] >= 0, inner[1] + len(strand), -1)
    return np.concatenate([strand, inner[0], other]), np.concatenate([partners, within, opposite])


def _unpaired(shortest: int, beyond: int, generator: np.random.Generator) -> Part:
    codes = generator.integers(0, 4, int(generator.integers(shortest, beyond)))
    return codes, np.full(len(codes), -1)


def _joined(parts: Iterable[Part]) -> Part:
    codes: list[NDArray[np.int64]] = []
    partners: list[NDArray[np.int64]] = []
    length = 0
    for part, opposite in parts:
        codes.append(part)
        partners.append(np.where(opposite >= 0, opposite + length, -1))
        length += len(part)
    return np.concatenate(codes), np.concatenate(partners)
