"""A model whose states depend on its batch, and a store with room, for the tests of the activation store."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness.activations.store import ActivationStore
from harness.activations.stored_model import with_store
from harness.adapter import ModelAdapter
from harness.sequences.alignment import ModelInput, sequence_of
from tests.fakes import FakeModel

WIDTH = 8
States = dict[int, NDArray[np.float32]]


class Costly(FakeModel):
    """States are random numbers of the letters so far, and with ``noise`` also of everything in the same call.

    ``asked`` keeps the inputs and layers of every call, ``loaded`` the devices.
    """

    def __init__(self, identity: str = "costly-1", noise: bool = False, leading: bool = False, **card: object) -> None:
        capabilities = {"hidden_states", "leading"} if leading else {"hidden_states"}
        super().__init__("costly", identity, **({"width": WIDTH, "capabilities": capabilities} | card))
        self.noise = noise
        self.asked: list[tuple[list[ModelInput], list[int]]] = []
        self.loaded: list[str] = []

    def load(self, device: str = "cpu") -> None:
        self.loaded.append(device)

    def hidden_states(self, sequences: Sequence[str], layers: Sequence[int]) -> Iterator[tuple[int, States]]:
        assert "leading" not in self.card.capabilities
        for index, states in self._all(sequences, layers):
            yield index, {layer: own[1:] for layer, own in states.items()}

    def hidden_states_with_leading(
        self, sequences: Sequence[str], layers: Sequence[int]
    ) -> Iterator[tuple[int, States]]:
        if "leading" not in self.card.capabilities:
            self._lacks("leading")
        yield from self._all(sequences, layers)

    def _all(self, sequences: Sequence[ModelInput], layers: Sequence[int]) -> Iterator[tuple[int, States]]:
        self.asked.append((list(sequences), list(layers)))
        batch = sum(map(letters, sequences)) % 2**32 if self.noise else 0
        for index in reversed(range(len(sequences))):
            shape = len(sequence_of(sequences[index])) + 1, WIDTH
            yield (
                index,
                {
                    layer: np.random.default_rng([letters(sequences[index]), layer, batch])
                    .normal(size=shape)
                    .astype(np.float32)
                    for layer in layers
                },
            )


def letters(given: ModelInput) -> int:
    text = given if isinstance(given, str) else "".join(given.rows)
    return int.from_bytes(text.encode(), "little") % 2**61


class Opened:
    """A store in a folder, and what it told; models behind it are on ``device``, where batches are larger than one."""

    def __init__(self, folder: Path, limit: int = 10**9, device: str = "cuda") -> None:
        self.told: list[str] = []
        self.device = device
        self.store = ActivationStore(folder, limit, self.told.append)

    def __call__(self, model: ModelAdapter, **versions: str) -> ModelAdapter:
        stored = with_store(model, self.store, versions)
        stored.load(self.device)
        return stored


def shards(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.safetensors"))


def sequences(count: int, seed: int = 0) -> list[str]:
    generator = np.random.default_rng(seed)
    return ["".join(generator.choice(list("ACGU"), generator.integers(5, 50))) for _ in range(count)]


def states_of(model: ModelAdapter, given: Sequence[ModelInput], layers: Sequence[int] = (1, -1)) -> dict[int, States]:
    found: dict[int, States] = {}
    for index, states in model.hidden_states(given, layers):  # type: ignore[arg-type]
        assert index not in found
        found[index] = {layer: own.copy() for layer, own in states.items()}
    return found


def same(first: dict[int, States], second: dict[int, States]) -> bool:
    """To the last bit, and in the same order."""
    return list(first) == list(second) and all(
        list(first[index]) == list(second[index])
        and all(np.array_equal(own, second[index][layer]) for layer, own in first[index].items())
        for index in first
    )


def flip(path: Path, place: int, bit: int = 1) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= bit
    path.write_bytes(content)
