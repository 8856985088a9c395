"""RNAs of random letters with random structures, and models that know the structure, or do not."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from harness.adapter import ModelAdapter, ModelCard
from harness.datasets.records import Dataset, DatasetCard, Record
from harness.datasets.structures import pairs_of_dot_bracket

WIDTH = 12
DIRECTIONS = "SHBIM"
ALWAYS = 5
"""The direction that is on at every nucleotide."""
NEW, KNOWN = 24, 12


def structure(generator: np.random.Generator) -> str:
    """A multiloop with a bulged and an internally looped branch, between dangling ends."""

    def some(letter: str, least: int, most: int) -> str:
        return letter * int(generator.integers(least, most))

    def hairpin(inner: str) -> str:
        size = int(generator.integers(3, 6))
        return "(" * size + inner + ")" * size

    bulged = hairpin(some(".", 1, 3) + hairpin(some(".", 3, 7)))
    looped = hairpin(some(".", 2, 4) + hairpin(some(".", 3, 7)) + some(".", 2, 4))
    branches = [bulged, looped] if generator.random() < 0.5 else [looped, bulged]
    stem = hairpin(some(".", 1, 4) + branches[0] + some(".", 1, 4) + branches[1] + some(".", 1, 4))
    return some(".", 0, 15) + stem + some(".", 0, 15)


def planted_dataset() -> Dataset:
    """Of the test RNAs 24 are of families of their own, and 12 of families that select holds too."""
    generator = np.random.default_rng(0)
    splits = [("train", 40, "T"), ("select", 40, "S"), ("test", KNOWN, "S"), ("test", NEW, "N")]
    records = []
    for split, count, family in splits:
        for number in range(count):
            brackets = structure(generator)
            name = f"{split}-{family}-{number}"
            records.append(
                Record(
                    id=name,
                    sequence="".join(generator.choice(list("ACGU"), len(brackets))),
                    family=f"{family}{number}",
                    cluster=name,
                    split=split,  # type: ignore[arg-type]
                    pairs=tuple(pairs_of_dot_bracket(brackets, name)),
                )
            )
    return Dataset(DatasetCard(name="planted", summary="random structures", simulated=True), tuple(records))


class StructureModel(ModelAdapter):
    """Noise seeded by the sequence; where it ``knows``, one direction per structural element is added."""

    def __init__(self, dataset: Dataset, knows: bool = True, initialisation: int | None = None) -> None:
        self.letters = {record.sequence: np.array(list(record.loop_types or "")) for record in dataset.records}
        self.knows = knows
        self.initialisation = initialisation
        self.card = ModelCard(
            name="planted" if initialisation is None else f"planted:random:{initialisation}",
            summary="noise with planted elements",
            architecture="planted",
            capabilities=frozenset({"hidden_states"}),
            layers=2,
            width=WIDTH,
            max_length=500,
        )

    def identity(self) -> str:
        return f"planted-{self.knows}-{self.initialisation}"

    def random_twin(self, initialisation: int = 0) -> ModelAdapter:
        twin = StructureModel.__new__(StructureModel)
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
            if self.knows and sequence in self.letters:
                for direction, element in enumerate(DIRECTIONS):
                    states[:, direction] += 8 * (self.letters[sequence] == element)
            yield index, {layer: states.astype(np.float32) for layer in layers}
