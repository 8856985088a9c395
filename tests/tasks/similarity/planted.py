"""A small model: letters mixed over neighbours by random weights, and what it may have learned beside them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from harness.adapter import ModelAdapter
from harness.datasets.records import Dataset, DatasetCard, Record, build_dataset
from tests.fakes import FakeModel

Floats = NDArray[np.float32]
LAYERS, WIDTH = 2, 24


def dataset(count: int = 24, length: int = 30) -> Dataset:
    generator = np.random.default_rng(0)
    rows = [Record(f"r{n:02}", "".join(generator.choice(list("ACGU"), length)), f"F{n}") for n in range(count)]
    rows.append(Record("short", "ACGU", "F0"))
    rows += [Record("member", "".join(generator.choice(list("ACGU"), length)), "F1")]
    return build_dataset(DatasetCard(name="planted-rnas", summary="random", simulated=True), rows)


class Mixing(FakeModel):
    """Layer n holds the letters up to n away, mixed at random, and what it learned: which of two kinds its RNA is."""

    def __init__(self, seed: int = 0, learned: float = 0.0, name: str = "mixing") -> None:
        super().__init__(name, f"mixing-{seed}-{learned}", layers=LAYERS, width=WIDTH)
        self.seed, self.learned = seed, learned

    def random_twin(self, initialisation: int = 0) -> ModelAdapter:
        return Mixing(self.seed + 1 + initialisation)

    def hidden_states(self, sequences: Sequence[str], layers: Sequence[int]) -> Iterator[tuple[int, dict[int, Floats]]]:
        self.check_lengths(sequences)
        for index in reversed(range(len(sequences))):
            yield index, {layer: self.states(sequences[index], self.resolve_layer(layer)) for layer in layers}

    def states(self, sequence: str, layer: int) -> Floats:
        generator = np.random.default_rng([self.seed, layer])
        codes = np.eye(5)[["ACGUN".index(letter) for letter in sequence]]
        found = np.zeros((len(sequence), WIDTH))
        for offset in range(-layer, layer + 1):
            found += np.roll(codes, offset, axis=0) @ generator.normal(size=(5, WIDTH))
        kind = np.random.default_rng([ord(letter) for letter in sequence]).normal()
        return (found + layer * self.learned * kind * np.random.default_rng(9).normal(size=WIDTH)).astype(np.float32)


class WithoutTwin(Mixing):
    """Its states come from files, say."""

    def random_twin(self, initialisation: int = 0) -> ModelAdapter:
        self._lacks("random twin")
