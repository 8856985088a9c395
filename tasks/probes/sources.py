"""What probes are fitted on: the model, its random twins, and letters; each of them behind the interface of a model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.adapter import ModelAdapter, ModelCard, Role
from harness.errors import NotApplicable
from harness.twins import random_twin

MODEL, TWINS, ONE_HOT = "model", "random-twin", "one-hot"
REACH = 2
"""Neighbours on either side that ``one-hot`` sees: five letters tell whether a pair stacks on its neighbours."""

_LETTERS = "ACGU"


@dataclass(frozen=True)
class Source:
    """What a probe reads. A random twin has one seed, of its weights and of its probes alike; others have them all."""

    name: str
    role: Role
    model: ModelAdapter
    seeds: tuple[int, ...]

    @property
    def label(self) -> str:
        """Unlike the name, another one for every twin."""
        return f"{self.name} {self.seeds[0]}" if self.name == TWINS else self.name


class OneHot(ModelAdapter):
    """The letters of a nucleotide and of its neighbours as a hidden state; 0 for N and beyond either end."""

    def __init__(self) -> None:
        self.card = ModelCard(
            name="one-hot",
            summary=f"letters of a nucleotide and of {REACH} neighbours on either side",
            role="floor",
            architecture="one-hot",
            capabilities=frozenset({"hidden_states"}),
            layers=0,
            width=len(_LETTERS) * (2 * REACH + 1),
            corpus="none",
        )

    def identity(self) -> str:
        return f"one-hot {REACH}"

    def hidden_states(
        self, sequences: Sequence[str], layers: Sequence[int]
    ) -> Iterator[tuple[int, dict[int, NDArray[np.float32]]]]:
        """See :class:`harness.adapter.ModelAdapter`."""
        for index, sequence in enumerate(sequences):
            padded = " " * REACH + sequence + " " * REACH
            letters = np.array([[own == letter for letter in _LETTERS] for own in padded], dtype=np.float32)
            windows = [letters[shift : shift + len(sequence)] for shift in range(2 * REACH + 1)]
            yield index, dict.fromkeys(layers, np.hstack(windows))


def sources(model: ModelAdapter, seeds: tuple[int, ...], letters: Sequence[ModelAdapter]) -> Iterator[Source]:
    """The model, a random twin for every seed where it has any, and ``letters``, the floors that need no network.

    A model that is a floor itself comes without any.
    """
    yield Source(MODEL, "model", model, seeds)
    if model.card.role == "floor":
        return
    for seed in seeds:
        try:
            twin = random_twin(model, seed)
        except NotApplicable:
            break
        yield Source(TWINS, "floor", twin, (seed,))
    for floor in letters:
        yield Source(floor.card.name, "floor", floor, seeds)


def first_examples(names: Sequence[str], seed: int) -> list[int]:
    """Places of the names in the order in which a seed takes training examples: what it takes of few is among many."""
    from harness.datasets.selection import by_hash

    place = {f"{seed} {name}": index for index, name in enumerate(names)}
    return [place[name] for name in by_hash(place)]
