"""Models whose predictions are known in closed form, and slow scores that follow the formulas word by word."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from math import log

import numpy as np
from numpy.typing import NDArray

from harness.adapter import Replacement
from harness.datasets.records import Dataset, DatasetCard, Record, Variant
from tests.fakes import FakeModel

LETTERS = "ACGU"
EVERYTHING = frozenset({"log_probs", "unmasked_log_probs", "causal_log_probs"})
PARTNER = dict(zip("ACGU", "UGCA", strict=True))
Rows = Iterator[tuple[int, NDArray[np.float32]]]


class PlantedModel(FakeModel):
    """Every prediction is a function of what is visible: the sequence, with ``#`` where it is masked, and the place."""

    def __init__(self, name: str = "planted", capabilities: frozenset[str] = EVERYTHING, **card: object) -> None:
        super().__init__(name, identity=name, capabilities=capabilities, max_length=200, **card)
        self.asked: list[str] = []

    def chances(self, visible: str, place: int) -> Sequence[float]:
        digest = hashlib.sha256(f"{visible} {place}".encode()).digest()
        own = [1 + byte for byte in digest[:4]]
        return [one / sum(own) for one in own]

    def log_probs(
        self, sequences: Sequence[str], positions: Sequence[Sequence[int]], replacement: Replacement | None = None
    ) -> Rows:
        for index in reversed(range(len(sequences))):
            visible = hide(sequences[index], positions[index])
            self.asked.append(visible)
            yield index, np.log([self.chances(visible, place) for place in positions[index]]).astype(np.float32)

    def unmasked_log_probs(self, sequences: Sequence[str]) -> Rows:
        for index, sequence in enumerate(sequences):
            yield index, np.log([self.chances(sequence, place) for place in range(len(sequence))]).astype(np.float32)

    def causal_log_probs(self, sequences: Sequence[str]) -> Rows:
        for index, sequence in enumerate(sequences):
            rows = [self.chances(sequence[:place], place) for place in range(len(sequence))]
            yield index, np.log(rows).astype(np.float32)


class PairingModel(PlantedModel):
    """Knows which positions pair, and nothing else: a letter is the complement of its partner nine times out of ten."""

    def __init__(self, data: Dataset) -> None:
        super().__init__("pairing", frozenset({"log_probs"}))
        self.pairs: dict[str, Mapping[int, int]] = {}
        for record in data.records:
            both = {i: j for i, j in record.pairs or ()} | {j: i for i, j in record.pairs or ()}
            self.pairs[record.sequence] = self.pairs[record.variant.wild_type] = both

    def log_probs(
        self, sequences: Sequence[str], positions: Sequence[Sequence[int]], replacement: Replacement | None = None
    ) -> Rows:
        for index, (sequence, places) in enumerate(zip(sequences, positions, strict=True)):
            partner = self.pairs[sequence]
            visible = hide(sequence, places)
            rows = []
            for place in places:
                letter = visible[partner[place]] if place in partner else "#"
                rows.append([0.25 if letter == "#" else 0.91 if PARTNER[letter] == own else 0.03 for own in LETTERS])
            yield index, np.log(rows).astype(np.float32)


class LetterModel(PlantedModel):
    """A dead language-model head: the same chances everywhere."""

    def chances(self, visible: str, place: int) -> Sequence[float]:
        return [0.4, 0.3, 0.2, 0.1]


def hide(sequence: str, places: Sequence[int]) -> str:
    return "".join("#" if place in places else letter for place, letter in enumerate(sequence))


def scan(variants: Mapping[str, float], wild_type: str = "GGGAAAUCCC", assay: str = "a", **fields: object) -> Dataset:
    """A dataset of one assay, from sequences and their fitness."""
    records = tuple(
        Record(f"{assay}/{number}", sequence, family=assay, variant=Variant(wild_type, score), **fields)  # type: ignore[arg-type]
        for number, (sequence, score) in enumerate(variants.items())
    )
    return Dataset(DatasetCard("planted-scan", "planted"), records)


def slow_scores(model: PlantedModel, wild_type: str, variant: str) -> dict[str, float]:
    """Every score of one variant, straight from the chances."""

    def p(letter: str, visible: str, place: int) -> float:
        return log(model.chances(visible, place)[LETTERS.index(letter)])

    m = [i for i in range(len(variant)) if variant[i] != wild_type[i]]
    found = dict.fromkeys(("wt-fill", "mask-fill", "mut-fill", "match-fill", "wt-marginal"), 0.0)
    for i in m:
        in_wild, in_variant = hide(wild_type, [i]), hide(variant, [i])
        found["wt-fill"] += p(variant[i], in_wild, i) - p(wild_type[i], in_wild, i)
        found["mask-fill"] += p(variant[i], hide(wild_type, m), i) - p(wild_type[i], hide(wild_type, m), i)
        found["mut-fill"] += p(variant[i], in_variant, i) - p(wild_type[i], in_variant, i)
        found["match-fill"] += p(variant[i], in_variant, i) - p(wild_type[i], in_wild, i)
        found["wt-marginal"] += p(variant[i], wild_type, i) - p(wild_type[i], wild_type, i)
    every = range(len(variant))
    found["pseudo-likelihood"] = sum(
        p(variant[i], hide(variant, [i]), i) - p(wild_type[i], hide(wild_type, [i]), i) for i in every
    )
    found["causal-likelihood"] = sum(p(variant[i], variant[:i], i) - p(wild_type[i], wild_type[:i], i) for i in every)
    return found
