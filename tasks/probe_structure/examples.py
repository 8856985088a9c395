"""The pairs that probes are fitted on: all known pairs of an RNA and some of the others, weighted for the rest."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tasks.probes.sources import first_examples
from tasks.structure.data import Rna
from tasks.structure.maps import Indices

OTHERS = 500
"""Pairs of an RNA, besides the known ones, that a probe is fitted on: memory then does not grow with its square."""


@dataclass(frozen=True)
class Examples:
    """Pairs of one RNA as indices among all of its pairs, whether each is a base pair, and what each weighs."""

    pairs: Indices
    known: NDArray[np.bool_]
    weight: NDArray[np.float64]


def examples_of(rna: Rna) -> Examples:
    """The same pairs for every source, seed and layer; pairs inside one token are left out."""
    known = np.zeros(rna.pairs, dtype=bool)
    known[rna.known] = True
    others = np.setdiff1d(np.flatnonzero(~known), rna.inside)
    generator = np.random.default_rng([0, zlib.crc32(rna.record.id.encode())])
    some = np.sort(generator.permutation(others)[:OTHERS])
    pairs = np.concatenate([rna.known, some])
    weight = np.concatenate([np.ones(len(rna.known)), np.full(len(some), len(others) / max(1, len(some)))])
    return Examples(pairs, known[pairs], weight)


def teaching(rnas: Sequence[Rna]) -> list[Rna]:
    """The RNAs that can teach what a pair is: with a base pair, and with a pair that is none."""
    return [rna for rna in rnas if 0 < len(rna.known) < rna.pairs - len(rna.inside)]


def order(rnas: Sequence[Rna], seed: int) -> list[int]:
    """Places of training RNAs in the order in which this seed takes them."""
    return first_examples([rna.record.id for rna in rnas], seed)


def sizes(asked: Sequence[int], available: int) -> tuple[int, ...]:
    """Numbers of training RNAs: those asked for that there are more of, and all."""
    return (*sorted({size for size in asked if size < available}), available)
