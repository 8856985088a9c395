"""Small families of random sequences, and models whose vectors know the family, or are broken in one way."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from harness.datasets.records import Dataset, DatasetCard, Record
from tests.fakes import FakeModel

WIDTH = 16
CARD = FakeModel("any", max_length=None).card
"""Of a model that takes sequences of all lengths."""


def sequence_of(seed: int, length: int = 30) -> str:
    return "".join(np.random.default_rng(seed).choice(list("ACGU"), length))


def records(families: int = 8, members: int = 5, clans: dict[int, str] | None = None) -> list[Record]:
    return [
        Record(f"F{f}/{m}", sequence_of(100 * f + m, 32 + 3 * m), family=f"F{f}", clan=(clans or {}).get(f))
        for f in range(families)
        for m in range(members)
    ]


def dataset(rows: Sequence[Record] | None = None, **card: bool) -> Dataset:
    return Dataset(DatasetCard(name="planted", summary="random sequences", **card), tuple(rows or records()))


def diverse(families: int = 40) -> Dataset:
    """Families of one ancestor each; the descendants keep from nearly nothing of it to a good half.

    Enough of them have triplets on which simple measures are at chance.
    """
    generator = np.random.default_rng(0)
    rows = []
    for family in range(families):
        ancestor = generator.choice(list("ACGU"), 110)
        for member in range(6):
            changed = generator.random(110) < generator.uniform(0.3, 0.8)
            letters = np.where(changed, generator.choice(list("ACGU"), 110), ancestor)
            sequence = "".join(letters[: generator.integers(104, 111)])
            place = f"X{family}/{200 * member + 1}-{200 * member + 110}"
            rows.append(Record(f"F{family:02}|{place}", sequence, f"F{family:02}"))
    return dataset(rows)


class FamilyModel(FakeModel):
    """Noise seeded by the sequence, with one direction per family added where it ``knows``; leading token optional."""

    def __init__(self, data: Dataset, knows: float = 3.0, leading: bool = False, **card: object) -> None:
        capabilities = {"hidden_states"} | ({"leading"} if leading else set())
        fields: dict[str, object] = {"capabilities": capabilities, "width": WIDTH, "max_length": 60}
        fields |= {"name": "planted"} | card
        super().__init__(identity=f"planted-{knows}", **fields)  # type: ignore[arg-type]
        self.family = {record.sequence: record.family or "" for record in data.records}
        self.knows = knows
        self.asked: list[str] = []

    def states(self, sequence: str, layer: int) -> NDArray[np.float32]:
        noise = np.random.default_rng([zlib.crc32(sequence.encode()), layer])
        known = np.random.default_rng(zlib.crc32(self.family[sequence].encode()))
        strength = self.knows if layer == self.card.layers else 0.0
        states = noise.normal(size=(1 + len(sequence), WIDTH)) + strength * known.normal(size=WIDTH)
        return states.astype(np.float32)

    def hidden_states(
        self, sequences: Sequence[str], layers: Sequence[int]
    ) -> Iterator[tuple[int, dict[int, NDArray[np.float32]]]]:
        for index, states in self.hidden_states_with_leading(sequences, layers):
            yield index, {layer: array[1:] for layer, array in states.items()}

    def hidden_states_with_leading(
        self, sequences: Sequence[str], layers: Sequence[int]
    ) -> Iterator[tuple[int, dict[int, NDArray[np.float32]]]]:
        for index in reversed(range(len(sequences))):
            self.asked.append(sequences[index])
            yield index, {layer: self.states(sequences[index], layer) for layer in layers}
