"""Small RNAs with hairpins, and an attention model that knows their pairs in one head."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from harness.datasets.records import Dataset, DatasetCard, Record, build_dataset
from tests.fakes import FakeModel

KNOWING = (2, 1)
LAYERS, HEADS = 2, 3
PARTNER = {"A": "U", "U": "A", "G": "C", "C": "G"}


def hairpin(seed: int, stem: int = 6, loop: int = 5) -> tuple[str, tuple[tuple[int, int], ...]]:
    generator = np.random.default_rng(seed)
    left = "".join(generator.choice(list("ACGU"), stem))
    right = "".join(PARTNER[letter] for letter in reversed(left))
    sequence = left + "".join(generator.choice(list("ACGU"), loop)) + right
    return sequence, tuple((i, len(sequence) - 1 - i) for i in range(stem))


def records() -> list[Record]:
    """Train, select and test hairpins of five families; the first test RNA has a multiplet and a pseudoknot."""
    rows = []
    for number in range(24):
        sequence, pairs = hairpin(number, stem=4 + number % 4, loop=5 + number % 3)
        split = ("train", "select", "test")[number % 3]
        if number == 2:
            pairs = tuple(sorted({*pairs, (0, 5), (4, len(sequence) - 6)}))
        rows.append(Record(f"r{number:02}", sequence, f"F{number % 5}", split=split, pairs=pairs))  # type: ignore[arg-type]
    return rows


def dataset(extra: Sequence[Record] = (), rows: Sequence[Record] | None = None) -> Dataset:
    card = DatasetCard(name="hairpins", summary="hairpins", simulated=True)
    return build_dataset(card, [*(records() if rows is None else rows), *extra])


class AttentionModel(FakeModel):
    """Random softmax maps; head ``KNOWING`` puts weight on the known pairs of the dataset, with noise."""

    def __init__(self, known: Dataset | None = None, name: str = "attentive", **card: object) -> None:
        super().__init__(name, **({"capabilities": {"attention"}, "layers": LAYERS, "heads": HEADS} | card))
        self.pairs = {record.sequence: record.pairs or () for record in known.records} if known else {}
        self.largest = 0

    def random_twin(self, initialisation: int = 0) -> AttentionModel:
        return AttentionModel(name=f"{self.card.name}:random:{initialisation}")

    def maps(self, sequence: str, layer: int) -> NDArray[np.float32]:
        generator = np.random.default_rng([zlib.crc32(sequence.encode()), layer])
        logits = generator.normal(size=(HEADS, len(sequence), len(sequence)))
        if layer == KNOWING[0]:
            for i, j in self.pairs.get(sequence, ()):
                logits[KNOWING[1], [i, j], [j, i]] += 2.5
        weights = np.exp(logits)
        return (weights / weights.sum(axis=2, keepdims=True)).astype(np.float32)

    def visit_attention(self, sequences: Sequence[str], visit: Callable[[int, int, NDArray[np.float32]], None]) -> None:
        self.check_lengths(sequences)
        for index in reversed(range(len(sequences))):
            for layer in range(1, LAYERS + 1):
                visit(index, layer, self.maps(sequences[index], layer))
