"""RNAs whose letters say nothing of their pairs, and a model whose attention says all and whose states say nothing."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from harness.adapter import ModelAdapter
from harness.datasets.records import Dataset, DatasetCard, Record, build_dataset
from tests.fakes import FakeModel

LAYERS, HEADS, WIDTH = 2, 3, 20
KNOWING = (2, 1)
LENGTH, PAIRS = 22, 5


def records(count: int = 44, families: int | None = None) -> list[Record]:
    """Five pairs at random places of random letters; every other RNA trains, a quarter each chooses and tests."""
    rows = []
    for number in range(count):
        generator = np.random.default_rng(number)
        sequence = "".join(generator.choice(list("ACGU"), LENGTH))
        places = generator.permutation(LENGTH)[: 2 * PAIRS].reshape(-1, 2)
        pairs = tuple(sorted((int(min(own)), int(max(own))) for own in places))
        split = ("train", "select", "train", "test")[number % 4]
        family = None if families is None else f"F{number % families}"
        rows.append(Record(f"r{number:02}", sequence, family, split=split, pairs=pairs))  # type: ignore[arg-type]
    return rows


def dataset(rows: Sequence[Record] | None = None) -> Dataset:
    card = DatasetCard(name="arbitrary", summary="arbitrary pairs", simulated=True)
    return build_dataset(card, records() if rows is None else rows)


class Attentive(FakeModel):
    """Head ``KNOWING`` attends from base to partner; other heads, and all hidden states, are noise."""

    def __init__(self, known: Dataset | None = None, name: str = "attentive", **card: object) -> None:
        fields = {"capabilities": {"attention", "hidden_states"}, "layers": LAYERS, "heads": HEADS, "width": WIDTH}
        super().__init__(name, name, **(fields | card))
        self.pairs = {record.sequence: record.pairs or () for record in known.records} if known else {}
        self.seen: list[str] = []

    def random_twin(self, initialisation: int = 0) -> ModelAdapter:
        return Attentive(name=f"{self.card.name}:random:{initialisation}")

    def maps(self, sequence: str, layer: int) -> NDArray[np.float32]:
        generator = np.random.default_rng([zlib.crc32((self.card.name + sequence).encode()), layer])
        logits = generator.normal(size=(HEADS, len(sequence), len(sequence)))
        if layer == KNOWING[0]:
            for i, j in self.pairs.get(sequence, ()):
                logits[KNOWING[1], [i, j], [j, i]] += 5
        weights = np.exp(logits)
        return (weights / weights.sum(axis=2, keepdims=True)).astype(np.float32)

    def visit_attention(self, sequences: Sequence[str], visit: Callable[[int, int, NDArray[np.float32]], None]) -> None:
        self.seen += sequences
        for index in reversed(range(len(sequences))):
            for layer in range(1, LAYERS + 1):
                visit(index, layer, self.maps(sequences[index], layer))

    def hidden_states(
        self, sequences: Sequence[str], layers: Sequence[int]
    ) -> Iterator[tuple[int, dict[int, NDArray[np.float32]]]]:
        for index in reversed(range(len(sequences))):
            generator = np.random.default_rng(zlib.crc32(sequences[index].encode()))
            states = generator.normal(size=(len(sequences[index]), WIDTH)).astype(np.float32)
            yield index, {layer: states for layer in layers}
