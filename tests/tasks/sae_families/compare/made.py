"""Families with planted features: scores as a source would give them, without any model."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from harness.datasets.records import Record
from tasks.sae_families.compare.data import ComparedFamilies
from tasks.sae_families.compare.sources import Compared

PER_HALF = 8


def families(count: int, seed: int = 0) -> ComparedFamilies:
    """Random sequences, PER_HALF of each family in each half."""
    generator = np.random.default_rng(seed)
    labels = np.tile(np.repeat(np.arange(count), PER_HALF), 2)
    held_out = np.repeat([False, True], count * PER_HALF)
    records = tuple(
        Record(f"F{label}/{number}", "".join(generator.choice(list("ACGU"), 60)), family=f"F{label}")
        for number, label in enumerate(labels)
    )
    return ComparedFamilies(tuple(f"F{k}" for k in range(count)), records, labels, held_out, (), 40)


def source(
    data: ComparedFamilies, shared: Sequence[Sequence[int]], noise: int = 40, own: float = 0.0, name: str = "sae"
) -> Compared:
    """Feature k is active in the families ``shared[k]``; ``noise`` further ones are of nobody.

    ``own``: how much every family differs from all others on every feature of noise, whatever its group.
    """
    generator = np.random.default_rng(len(data.families))
    scores, shuffled = generator.normal(size=(2, len(data.records), len(shared) + noise))
    for feature, members in enumerate(shared):
        scores[np.isin(data.labels, members), feature] += 8
    offsets = own * generator.normal(size=(len(data.families), noise))
    scores[:, len(shared) :] += offsets[data.labels]
    told = f"{scores.shape[1]} features"
    return Compared(name, 0, scores, shuffled, lambda k: f"{name} {k}", told)
