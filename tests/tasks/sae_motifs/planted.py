"""Part of the embedded set, and models that know where some of its motifs lie, or do not."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from itertools import product

import numpy as np
from numpy.typing import NDArray

from harness.adapter import ModelAdapter, ModelCard
from harness.datasets.planted_motifs import load, planted_sites
from harness.datasets.records import Dataset

WIDTH = 12
KNOWN = ("MA0139.2", "MA0506.3", "MA0060.4")
DIRECTIONS = tuple(product(KNOWN, (1, -1)))
SHIFTS = (3, 7, -4, 5, 9, 1)
"""Nucleotides after the left end of a site at which the direction of (motif, strand) is on."""
ALWAYS = 7
"""The direction that is on at every nucleotide."""
SIZES = {"train": 300, "select": 600, "test": 300}


def planted_part() -> Dataset:
    """The first records of every split."""
    whole = load()
    return whole.subset(
        record
        for split, size in SIZES.items()
        for record in [own for own in whole.records if own.split == split][:size]
    )


class MotifModel(ModelAdapter):
    """Noise seeded by the sequence; where it ``knows``, one direction per motif and strand is on at its sites."""

    def __init__(self, dataset: Dataset, knows: bool = True, initialisation: int | None = None) -> None:
        sites = planted_sites()
        self.sites = {record.sequence: sites[record.id] for record in dataset.records}
        self.knows = knows
        self.initialisation = initialisation
        self.card = ModelCard(
            name="planted" if initialisation is None else f"planted:random:{initialisation}",
            summary="noise with planted motifs",
            architecture="planted",
            capabilities=frozenset({"hidden_states"}),
            layers=2,
            width=WIDTH,
            max_length=500,
        )

    def identity(self) -> str:
        return f"planted-motifs-{self.knows}-{self.initialisation}"

    def random_twin(self, initialisation: int = 0) -> ModelAdapter:
        twin = MotifModel.__new__(MotifModel)
        twin.__dict__ |= self.__dict__ | {"knows": False, "initialisation": initialisation}
        twin.card = self.card.model_copy(update={"name": f"planted:random:{initialisation}"})
        return twin

    def hidden_states(
        self, sequences: Sequence[str], layers: Sequence[int]
    ) -> Iterator[tuple[int, dict[int, NDArray[np.float32]]]]:
        for index, sequence in enumerate(sequences):
            seed = [zlib.crc32(sequence.encode()), 10**6 if self.initialisation is None else self.initialisation]
            states = np.random.default_rng(seed).normal(size=(len(sequence), WIDTH))
            states[:, ALWAYS] += 8
            for site in self.sites.get(sequence, ()) if self.knows else ():
                if (site.motif, site.strand) in DIRECTIONS:
                    direction = DIRECTIONS.index((site.motif, site.strand))
                    place = site.start + SHIFTS[direction]
                    if 0 <= place < len(sequence):
                        states[place, direction] += 12
            yield index, {layer: states.astype(np.float32) for layer in layers}
