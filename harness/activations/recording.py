"""Puts hidden states into the activation store while they pass from a model to a task."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from harness.activations.shard import ShardWriter
from harness.activations.store import LIMIT_VARIABLE, ActivationStore
from harness.storage.sizes import readable

States = dict[int, NDArray[np.float32]]


class Recording:
    """Writes a group of sequences: a shard for every layer, complete or not at all. What goes wrong is said once.

    Args:
        folder: of the model in the store.
        about: what the shards tell of themselves, beside their layer.
        keys, rows: of every sequence of the call.
        missing: layer -> the sequences of the group of which it is to be written.
        of_call: rows of the whole call, all layers together.
    """

    def __init__(
        self,
        store: ActivationStore,
        folder: str,
        about: Mapping[str, str],
        keys: Sequence[bytes],
        rows: Sequence[int],
        missing: Mapping[int, Sequence[int]],
        of_call: int,
    ) -> None:
        self._store = store
        self._folder = folder
        self._about = about
        self._keys = keys
        self._rows = rows
        self._missing = {layer: frozenset(numbers) for layer, numbers in missing.items() if numbers}
        self._of_call = of_call
        self._width = 0
        self._writers: dict[int, ShardWriter] | None = None

    def __enter__(self) -> Recording:
        return self

    def __exit__(self, *error: object) -> None:
        self._drop()

    def put(self, number: int, states: States, last: bool) -> None:
        """Write the states of one sequence, and the end of the shards after the ``last``."""
        try:
            if self._writers is None:
                self._writers = {}
                self._width = next(iter(states.values())).shape[-1]
                if self._worth_it():
                    self._begin()
            if self._writers and not self._sound(number, states):
                self._drop()
            for layer, writer in self._writers.items():
                if number in self._missing[layer]:
                    writer.put(self._keys[number], states[layer])
            if last:
                for writer in self._writers.values():
                    writer.finish()
                    self._store.used(writer.path)
                self._writers = {}
        except OSError as error:
            self._store.say(f"{self._store.folder} cannot be written ({error.strerror}): hidden states are not stored")
            self._drop()

    def _worth_it(self) -> bool:
        """Whether the store takes the whole call, which would else evict its beginning for its end."""
        limit, size = self._store.limit, 4 * self._width * self._of_call
        if size > limit:
            if limit:
                most = f"{readable(limit)}, see {LIMIT_VARIABLE}"
                self._store.say(f"{readable(size)} of hidden states are over its limit ({most}) and not stored")
            return False
        rows = sum(self._rows[number] for numbers in self._missing.values() for number in numbers)
        return self._store.make_room(4 * self._width * rows)

    def _begin(self) -> None:
        assert self._writers is not None
        for layer, numbers in self._missing.items():
            name = hashlib.sha256(b"".join(self._keys[number] for number in sorted(numbers))).hexdigest()[:16]
            path = self._store.path(self._folder, layer, name)
            rows = sum(self._rows[number] for number in numbers)
            about = {**self._about, "layer": str(layer)}
            self._writers[layer] = ShardWriter(path, about, len(numbers), rows, self._width)

    def _sound(self, number: int, states: States) -> bool:
        """Whether a task would accept them: what is wrong today may be mended tomorrow."""
        shape = self._rows[number], self._width
        return all(
            own.shape == shape and own.dtype == np.float32 and bool(np.isfinite(own).all()) for own in states.values()
        )

    def _drop(self) -> None:
        for writer in (self._writers or {}).values():
            writer.drop()
        self._writers = {}
