"""A model whose hidden states of long sequences are joined from windows. Tasks do not notice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from harness.adapter import ModelAdapter
from harness.sequences.alignment import ModelInput, sequence_of
from harness.sequences.windows import windows


def in_windows(model: ModelAdapter) -> ModelAdapter:
    """The model with windows over its limit, or the model itself where it has no limit or no hidden states."""
    if model.card.max_length is None or "hidden_states" not in model.card.capabilities:
        return model
    return cast(ModelAdapter, WindowedModel(model))


class WindowedModel:
    """Hidden states from :func:`harness.sequences.windows.windows`, and everything else of the model unchanged.

    It has no leading special token: a sequence would have one for each window.
    """

    def __init__(self, model: ModelAdapter) -> None:
        self._model = model
        self.card = model.card.model_copy(update={"capabilities": model.card.capabilities - {"leading"}})

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    def random_twin(self, initialisation: int = 0) -> ModelAdapter:
        return in_windows(self._model.random_twin(initialisation))

    def layers_held(self, sequences: Sequence[str]) -> tuple[int, ...]:
        parts: list[Any] = [part for sequence in sequences for part in self._parts(sequence)]
        return self._model.layers_held(parts)

    def announced(self, calls: Sequence[Sequence[ModelInput]], layers: Sequence[int]) -> AbstractContextManager[None]:
        parts: list[Any] = [[part for given in call for part in self._parts(given)] for call in calls]
        return self._model.announced(parts, layers)

    def hidden_states(
        self, sequences: Sequence[ModelInput], layers: Sequence[int]
    ) -> Iterator[tuple[int, dict[int, NDArray[np.float32]]]]:
        """Memory: the states of the sequences whose windows are not all there yet, which a model reads together."""
        cut = [list(windows(len(sequence_of(given)), self.card)) for given in sequences]
        owners = [(index, window) for index, own in enumerate(cut) for window in own]
        parts: list[Any] = [part for given in sequences for part in self._parts(given)]
        left = [len(own) for own in cut]
        joined: dict[int, dict[int, NDArray[np.float32]]] = {}
        for number, states in self._model.hidden_states(parts, layers):
            index, window = owners[number]
            if len(cut[index]) == 1:
                yield index, states
                continue
            whole = joined.setdefault(index, {})
            for layer, own in states.items():
                if layer not in whole:
                    whole[layer] = np.empty((len(sequence_of(sequences[index])), own.shape[1]), dtype=np.float32)
                whole[layer][window.first : window.last] = own[window.first - window.start : window.last - window.start]
            left[index] -= 1
            if not left[index]:
                yield index, joined.pop(index)

    def _parts(self, given: ModelInput) -> Iterator[ModelInput]:
        for window in windows(len(sequence_of(given)), self.card):
            whole = window.stop - window.start == len(sequence_of(given))
            if isinstance(given, str):
                yield given[window.start : window.stop]
            else:
                yield given if whole else given.part(window.start, window.stop)
