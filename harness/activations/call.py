"""One call of a model behind the activation store: group by group, what is stored is read and the rest is computed."""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from functools import cached_property
from itertools import chain
from operator import itemgetter
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from harness.activations.offer import Offer, Offered
from harness.activations.recording import Recording, States
from harness.activations.shard import KEY_BYTES
from harness.activations.store import ActivationStore, Held
from harness.compute.batching import token_budget_batches
from harness.sequences.alignment import ModelInput, sequence_of

GROUP_NUCLEOTIDES = 2**16
"""Of a group, counting padding: what one shard holds, and what a killed process computes again."""


class Computes(Protocol):
    """The model, as far as a call needs it: see :class:`harness.activations.stored_model.StoredModel`."""

    store: ActivationStore

    @property
    def leading(self) -> bool: ...
    @property
    def kind_of_device(self) -> str: ...
    def what_computes(self) -> str: ...
    def about(self) -> dict[str, str]: ...
    def run(self, inputs: Sequence[ModelInput], layers: Sequence[int]) -> Iterator[tuple[int, States]]: ...


class Share(NamedTuple):
    """The offer that a call is a part of, and the number of its first group in it."""

    offer: Offer
    start: int


class Call:
    """Distinct ``inputs`` with their ``keys``; ``layers`` maps the numbers as asked for to layers."""

    def __init__(
        self,
        model: Computes,
        inputs: Sequence[ModelInput],
        keys: Sequence[bytes],
        layers: Mapping[int, int],
        groups: list[list[int]] | None = None,
    ) -> None:
        self.model = model
        self.store = model.store
        self.inputs = inputs
        self.keys = keys
        self.layers = layers
        self.lengths = [len(sequence_of(given)) for given in inputs]
        self.rows = [length + model.leading for length in self.lengths]
        self.wanted = sorted(set(layers.values()))
        self.folder = model.what_computes()
        self.groups = token_budget_batches(self.lengths, GROUP_NUCLEOTIDES) if groups is None else groups

    @cached_property
    def held(self) -> Held:
        return self.store.find(self.folder, self.wanted, np.array(self.keys, dtype=f"S{KEY_BYTES}"))

    def keys_of_groups(self) -> Iterator[list[bytes]]:
        for group in self.groups:
            yield [self.keys[number] for number in group]

    def states(self, share: Share | None) -> Iterator[tuple[int, States]]:
        """(number of the input, states by layer as asked for), group by group; twice in the same order."""
        for place, group in enumerate(self.groups):
            with self._alone(share, place):
                for number, states in self._of_group(group):
                    yield number, self._as_asked(states)

    def to_offer(self) -> Offered | None:
        """None where one group or none is lacking, nothing is stored, or alignments are read."""
        sequences = [given for given in self.inputs if isinstance(given, str)]
        if not self.store.limit or len(self.groups) < 2 or len(sequences) < len(self.inputs):
            return None
        lacking = self.held.lacking
        several = sum(bool(lacking[group].any()) for group in self.groups) > 1
        return Offered(self.folder, self.wanted, sequences, self.groups) if several else None

    def embed(self, offer: Offer) -> None:
        """Store groups that are lacking and that nobody is at, from the last on: whoever offers begins at the first."""
        for place in reversed(range(len(self.groups))):
            if not self._lacking(self.groups[place]):
                continue
            with offer.group(place, wait=False) as taken:
                if not taken:
                    continue
                self.held.refresh()
                with closing(self._computed(self._lacking(self.groups[place]))) as computed:
                    for _ in computed:
                        if self.store.gave_up or offer.withdrawn:
                            return

    @contextmanager
    def _alone(self, share: Share | None, place: int) -> Iterator[None]:
        """Nobody else embeds the group meanwhile, and what others have embedded is known."""
        if share is None or not self._lacking(self.groups[place]):
            yield
        else:
            with share.offer.group(share.start + place, wait=True):
                self.held.refresh()
                yield

    def _lacking(self, group: list[int]) -> list[int]:
        return [number for number in sorted(group) if not self.held.complete(number)]

    def _of_group(self, group: list[int]) -> Iterator[tuple[int, States]]:
        # damage shows before anything is passed on, so that the group runs again in the same company
        for number in group:
            if self.held.complete(number):
                all(self.held.read(number, layer) is not None for layer in self.wanted)
        lacking = self._lacking(group)
        ready = set(group).difference(lacking)
        if self.model.kind_of_device == "cpu":  # in the order of a run without a store: sums depend on it
            return heapq.merge(self._kept(sorted(ready)), self._computed(lacking), key=itemgetter(0))
        return chain(self._kept(sorted(ready, key=self.held.order)), self._computed(lacking))

    def _kept(self, numbers: list[int]) -> Iterator[tuple[int, States]]:
        for number in numbers:
            found = {layer: self.held.read(number, layer) for layer in self.wanted}
            if (whole := _all_there(found)) is None:  # gone since it was looked at
                ((_, whole),) = self.model.run([self.inputs[number]], self.wanted)
            yield number, whole

    def _as_asked(self, states: States) -> States:
        return {asked: states[layer] for asked, layer in self.layers.items()}

    def _computed(self, lacking: list[int]) -> Generator[tuple[int, States]]:
        missing = {layer: [number for number in lacking if not self.held.has(number, layer)] for layer in self.wanted}
        of_call = sum(self.rows) * len(self.wanted)
        left = len(lacking)
        if not lacking:
            return
        with Recording(
            self.store, self.folder, self.model.about(), self.keys, self.rows, missing, of_call
        ) as recording:
            for place, computed in self.model.run([self.inputs[number] for number in lacking], self.wanted):
                number = lacking[place]
                left -= 1
                recording.put(number, computed, last=not left)
                kept = {layer: self.held.read(number, layer) for layer in self.wanted}
                yield number, computed | {layer: own for layer, own in kept.items() if own is not None}


def _all_there(found: Mapping[int, NDArray[np.float32] | None]) -> States | None:
    whole = {layer: states for layer, states in found.items() if states is not None}
    return whole if len(whole) == len(found) else None


def distinct(sequences: Sequence[ModelInput]) -> tuple[list[bytes], list[int], dict[int, list[int]]]:
    """Keys of the distinct inputs, the index at which each comes first, and first index -> those of its copies."""
    first: dict[bytes, int] = {}
    copies: dict[int, list[int]] = {}
    for index, given in enumerate(sequences):
        if (original := first.setdefault(key_of(given), index)) != index:
            copies.setdefault(original, []).append(index)
    return list(first), list(first.values()), copies


def key_of(given: ModelInput) -> bytes:
    """Of a sequence, or of a whole alignment, its query first."""
    rows = [given] if isinstance(given, str) else ["alignment", *given.rows]
    return hashlib.sha256("\n".join(rows).encode()).digest()[:KEY_BYTES]
