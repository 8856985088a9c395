"""A small dataset of families and models that know, or do not know, which family a sequence belongs to."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from harness.adapter import ModelAdapter, ModelCard
from harness.datasets.records import Dataset, DatasetCard, Record

FAMILIES = 4
WIDTH = 12


def planted_dataset(train_copies: int = 1) -> Dataset:
    """Families of random sequences, all alike: nothing but a model that was told can tell them apart."""
    generator = np.random.default_rng(0)
    splits = [("train", 6 * train_copies), ("select", 10), ("test", 10)]
    records = [
        Record(
            id=f"F{family}/{split}/{number}",
            sequence="".join(generator.choice(list("ACGU"), int(generator.integers(30, 60)))),
            family=f"F{family}",
            cluster=f"F{family}/{split}/{number}",
            split=split,  # type: ignore[arg-type]
        )
        for family in range(FAMILIES)
        for split, count in splits
        for number in range(count)
    ]
    return Dataset(DatasetCard(name="planted", summary="random sequences", simulated=True), tuple(records))


class PlantedModel(ModelAdapter):
    """Noise seeded by the sequence; where it ``knows``, one direction per family is added."""

    def __init__(self, dataset: Dataset, knows: bool = True, initialisation: int | None = None) -> None:
        self.family = {record.sequence: int((record.family or "F0")[1:]) for record in dataset.records}
        self.knows = knows and initialisation is None
        self.initialisation = initialisation
        name = "planted" if initialisation is None else f"planted:random:{initialisation}"
        self.card = ModelCard(
            name=name,
            summary="noise with a planted family",
            architecture="planted",
            capabilities=frozenset({"hidden_states"}),
            layers=2,
            width=WIDTH,
            max_length=500,
        )
        self.passes = 0

    def identity(self) -> str:
        return f"planted-{self.knows}-{self.initialisation}"

    def random_twin(self, initialisation: int = 0) -> ModelAdapter:
        twin = PlantedModel.__new__(PlantedModel)
        twin.__dict__ |= self.__dict__ | {"knows": False, "initialisation": initialisation, "passes": 0}
        twin.card = self.card.model_copy(update={"name": f"planted:random:{initialisation}"})
        return twin

    def hidden_states(
        self, sequences: Sequence[str], layers: Sequence[int]
    ) -> Iterator[tuple[int, dict[int, NDArray[np.float32]]]]:
        self.passes += 1
        for index, sequence in enumerate(sequences):
            seed = [zlib.crc32(sequence.encode()), -1 if self.initialisation is None else self.initialisation]
            noise = np.random.default_rng([abs(part) for part in seed]).normal(size=(len(sequence), WIDTH))
            if self.knows:
                noise[:, self.family[sequence]] += 8 * (np.arange(len(sequence)) % 3 == 0)
            yield index, {layer: noise.astype(np.float32) for layer in layers}
