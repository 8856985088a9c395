"""Families that letters do not tell apart, and a model whose states do."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from harness.adapter import ModelAdapter
from harness.datasets.records import SPLITS, Dataset, DatasetCard, Record, build_dataset
from tests.fakes import FakeModel

FAMILIES, WIDTH = 4, 6


def records(clusters: int = 18) -> list[Record]:
    """Random letters, each a cluster of its own; a third of each family in each part."""
    rows = []
    for number in range(FAMILIES * clusters):
        generator = np.random.default_rng(number)
        sequence = "".join(generator.choice(list("ACGU"), 20))
        split = SPLITS[number // FAMILIES % 3]
        rows.append(Record(f"s{number:03}", sequence, f"F{number % FAMILIES}", cluster=f"c{number}", split=split))
    return rows


def dataset(rows: Sequence[Record] | None = None) -> Dataset:
    card = DatasetCard(name="lettered", summary="random letters", simulated=True)
    return build_dataset(card, records() if rows is None else rows)


class Knowing(FakeModel):
    """Every nucleotide of a sequence points to its family, with noise; without a dataset all is noise."""

    def __init__(self, known: Dataset | None = None, name: str = "knowing", **card: object) -> None:
        super().__init__(name, name, **({"width": WIDTH} | card))
        self.family = {record.sequence: int((record.family or "F0")[1:]) for record in known.records} if known else {}

    def random_twin(self, initialisation: int = 0) -> ModelAdapter:
        return Knowing(name=f"{self.card.name}:random:{initialisation}")

    def hidden_states(
        self, sequences: Sequence[str], layers: Sequence[int]
    ) -> Iterator[tuple[int, dict[int, NDArray[np.float32]]]]:
        for index in reversed(range(len(sequences))):
            name = self.card.name + sequences[index]
            noise = np.random.default_rng(zlib.crc32(name.encode())).normal(size=(len(sequences[index]), WIDTH))
            states = (0.3 * noise).astype(np.float32)
            if self.family:
                states[:, self.family[sequences[index]]] += 1
            yield index, {layer: states if layer else 0 * states for layer in layers}
