"""A model that reads alignments, for code that has sequences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from harness.adapter import ModelAdapter
from harness.sequences.alignment import Alignment

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class AlignedModel(ModelAdapter):
    """Hands ``model`` the alignment of every sequence that it is given; ``alignments`` finds them by sequence."""

    def __init__(self, model: ModelAdapter, alignments: Mapping[str, Alignment]) -> None:
        self.card = model.card
        self.attention_kernel = model.attention_kernel
        self._model = model
        self._alignments = alignments

    def identity(self) -> str:
        return self._model.identity()

    def load(self, device: str = "cpu") -> None:
        self._model.load(device)

    def unload(self) -> None:
        self._model.unload()

    def random_twin(self, initialisation: int = 0) -> ModelAdapter:
        return AlignedModel(self._model.random_twin(initialisation), self._alignments)

    def hidden_states(
        self, sequences: Sequence[str], layers: Sequence[int]
    ) -> Iterator[tuple[int, dict[int, NDArray[np.float32]]]]:
        given: Any = [self._alignments[sequence] for sequence in sequences]
        return self._model.hidden_states(given, layers)
