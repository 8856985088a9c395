"""A model whose hidden states come from the activation store where it holds them. Tasks do not notice.

The guarantee is that the states are the same to the last bit whatever the store holds:

- On a CPU sequences run one at a time, because what else is in a batch changes the last digits of most models. On
  one thread that takes 1.1 to 1.4 times as long as batches do (docs/cache.md).
- On a GPU a call is cut into groups by the lengths of its sequences, and the model runs on what is lacking of a group.
  Stores that are empty, off or full, or were filled by the same calls (and then damaged, evicted or interrupted) change
  nothing. A sequence that another call has stored keeps the states of that call: within the tolerance of the law
  ``alone-or-padded``, if states depend on the batch.
"""

from __future__ import annotations

import hashlib
import heapq
import inspect
import json
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from functools import cached_property
from itertools import chain
from operator import itemgetter
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from harness.activations.offer import Offer, offered
from harness.activations.recording import Recording, States
from harness.activations.shard import KEY_BYTES
from harness.activations.store import ActivationStore, Held
from harness.adapter import ModelAdapter
from harness.compute.batching import token_budget_batches
from harness.sequences.alignment import ModelInput, sequence_of
from harness.storage.cache import file_digest

GROUP_NUCLEOTIDES = 2**16
"""Of a group, counting padding: what one shard holds, and what a killed process computes again."""

_NEED_WEIGHTS = frozenset(
    {"visit_attention", "log_probs", "causal_log_probs", "pair_scores", "sequence_vectors", "similarity"}
)


def is_stored(model: ModelAdapter) -> bool:
    """Whether storing its states saves anything.

    It does not where there is nothing to load (arrays in files, counts of letters), nor for controls. Random twins cost
    as much as the model, but most are read by one task, once per dataset; the five of a task with all layers would push
    the states of trained models out of the store.
    """
    cheap = type(model).load is ModelAdapter.load
    return not cheap and model.card.role == "model" and "hidden_states" in model.card.capabilities


def with_store(
    model: ModelAdapter, store: ActivationStore, versions: Mapping[str, str], offers: Path | None = None
) -> ModelAdapter:
    """The model behind the store, or the model itself where that would save nothing.

    Calls are offered to other processes in the folder ``offers``.
    """
    return cast(ModelAdapter, StoredModel(model, store, versions, offers)) if is_stored(model) else model


class StoredModel:
    """Hidden states by way of the store, and everything else of the model unchanged.

    Weights are loaded when something is to be computed, on the device that :meth:`load` was given.
    """

    def __init__(
        self, model: ModelAdapter, store: ActivationStore, versions: Mapping[str, str], offers: Path | None = None
    ) -> None:
        self._model = model
        self.store = store
        self.offers = offers
        self._versions = versions
        self._device: str | None = None

    def __getattr__(self, name: str) -> Any:
        if name in _NEED_WEIGHTS:
            self._wake()
        return getattr(self._model, name)

    def load(self, device: str = "cpu") -> None:
        self._device = device

    def hidden_states(self, sequences: Sequence[ModelInput], layers: Sequence[int]) -> Iterator[tuple[int, States]]:
        for index, states in self._states(sequences, layers):
            yield index, {layer: own[self.leading :] for layer, own in states.items()}

    def hidden_states_with_leading(
        self, sequences: Sequence[ModelInput], layers: Sequence[int]
    ) -> Iterator[tuple[int, States]]:
        if self.leading:
            return self._states(sequences, layers)
        return self._model.hidden_states_with_leading(cast(Any, sequences), layers)  # refuses

    def get_ready(self) -> None:
        """Load the weights where nothing is stored: then they will be needed."""
        if not (self.store.folder / self.what_computes()).exists():
            self._wake()

    def embed(self, offer: Offer) -> None:
        """Embed what an offer lacks and nobody else is at, for as long as it stands and the store takes it.

        Raises:
            ValueError: it is no offer, or one of another model.
        """
        call = offer.read()
        if call.computes != self.what_computes():
            raise ValueError("what another version of the model, or another kind of device, has offered")
        keys = [_key(sequence) for sequence in call.sequences]
        _Call(self, [*call.sequences], keys, {layer: layer for layer in call.layers}).embed(offer)

    @property
    def leading(self) -> bool:
        """Whether states are stored with the leading special token: one task reads it, and others the rest."""
        return "leading" in self._model.card.capabilities

    @property
    def kind_of_device(self) -> str:
        return (self._device or "cpu").partition(":")[0]

    def _wake(self) -> None:
        if self._device is not None:
            self._model.load(self._device)

    def _states(self, sequences: Sequence[ModelInput], layers: Sequence[int]) -> Iterator[tuple[int, States]]:
        if not sequences or not layers:
            return
        numbered = self._model.card.layers is not None
        resolved = {layer: self._model.resolve_layer(layer) if numbered else layer for layer in layers}
        keys, firsts, copies = _distinct(sequences)
        for number, states in _Call(self, [sequences[index] for index in firsts], keys, resolved).states():
            yield firsts[number], states
            for copy in copies.get(firsts[number], ()):
                yield copy, {layer: own.copy() for layer, own in states.items()}

    def what_computes(self) -> str:
        """Hash of everything that decides a state, but layer and sequence.

        More than the identity: the kind of device, the versions of libraries, and the files of the adapter's classes,
        so that neither an update nor an edit of a plugin is answered with old numbers.
        """
        code = [file_digest(path) for path in _code(type(self._model))]
        facts = [self._model.identity(), self.leading, self.kind_of_device, dict(self._versions), code]
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]

    def run(self, inputs: Sequence[ModelInput], layers: Sequence[int]) -> Iterator[tuple[int, States]]:
        """The model itself."""
        self._wake()
        run = self._model.hidden_states_with_leading if self.leading else self._model.hidden_states
        size = 1 if self.kind_of_device == "cpu" else len(inputs)
        for start in range(0, len(inputs), size):
            for index, states in run(cast(Any, inputs[start : start + size]), layers):
                yield start + index, states


class _Call:
    """One call of the model with distinct ``inputs``; ``layers`` maps the numbers as asked for to layers."""

    def __init__(self, model: StoredModel, inputs: list[ModelInput], keys: list[bytes], layers: dict[int, int]) -> None:
        self.model = model
        self.store = model.store
        self.inputs = inputs
        self.keys = keys
        self.layers = layers
        self.lengths = [len(sequence_of(given)) for given in inputs]
        self.rows = [length + model.leading for length in self.lengths]
        self.wanted = sorted(set(layers.values()))
        self.folder = model.what_computes()

    @cached_property
    def groups(self) -> list[list[int]]:
        return token_budget_batches(self.lengths, GROUP_NUCLEOTIDES)

    def _find(self) -> Held:
        return self.store.find(self.folder, self.wanted, np.array(self.keys, dtype=f"S{KEY_BYTES}"))

    def states(self) -> Iterator[tuple[int, States]]:
        """(number of the input, states by layer as asked for), group by group; twice in the same order."""
        held = self._find()
        with self._offered(held) as offer:
            for place, group in enumerate(self.groups):
                with self._alone(offer, place, held):
                    for number, states in self._of_group(group, held):
                        yield number, self._as_asked(states)

    def embed(self, offer: Offer) -> None:
        """Store groups that are lacking and that nobody is at, from the last on: whoever offers begins at the first."""
        held = self._find()
        for place in reversed(range(len(self.groups))):
            if not self._lacking(self.groups[place], held):
                continue
            with offer.group(place, wait=False) as taken:
                if not taken:
                    continue
                held.refresh()
                with closing(self._computed(self._lacking(self.groups[place], held), held)) as computed:
                    for _ in computed:
                        if self.store.gave_up or offer.withdrawn:
                            return

    @contextmanager
    def _offered(self, held: Held) -> Iterator[Offer | None]:
        """Nothing is offered where one group is lacking: then there is nothing to share."""
        lacking = held.lacking
        several = sum(bool(lacking[group].any()) for group in self.groups) > 1
        sequences = [given for given in self.inputs if isinstance(given, str)]
        if self.model.offers is None or not self.store.limit or not several or len(sequences) < len(self.inputs):
            yield None
        else:
            with offered(self.model.offers, self.folder, self.wanted, sequences) as offer:
                yield offer

    @contextmanager
    def _alone(self, offer: Offer | None, place: int, held: Held) -> Iterator[None]:
        """Nobody else embeds the group meanwhile, and what others have embedded is known."""
        if offer is None or not self._lacking(self.groups[place], held):
            yield
        else:
            with offer.group(place, wait=True):
                held.refresh()
                yield

    def _lacking(self, group: list[int], held: Held) -> list[int]:
        return [number for number in sorted(group) if not held.complete(number)]

    def _of_group(self, group: list[int], held: Held) -> Iterator[tuple[int, States]]:
        # damage shows before anything is passed on, so that the group runs again in the same company
        for number in group:
            if held.complete(number):
                all(held.read(number, layer) is not None for layer in self.wanted)
        lacking = self._lacking(group, held)
        ready = set(group).difference(lacking)
        if self.model.kind_of_device == "cpu":  # in the order of a run without a store: sums depend on it
            return heapq.merge(self._kept(sorted(ready), held), self._computed(lacking, held), key=itemgetter(0))
        return chain(self._kept(sorted(ready, key=held.order), held), self._computed(lacking, held))

    def _kept(self, numbers: list[int], held: Held) -> Iterator[tuple[int, States]]:
        for number in numbers:
            found = {layer: held.read(number, layer) for layer in self.wanted}
            if (whole := _all_there(found)) is None:  # gone since it was looked at
                ((_, whole),) = self.model.run([self.inputs[number]], self.wanted)
            yield number, whole

    def _as_asked(self, states: States) -> States:
        return {asked: states[layer] for asked, layer in self.layers.items()}

    def _computed(self, lacking: list[int], held: Held) -> Generator[tuple[int, States]]:
        missing = {layer: [number for number in lacking if not held.has(number, layer)] for layer in self.wanted}
        about = {
            "model": self.model.card.name,
            "identity": self.model.identity(),
            "rows": "leading token, then nucleotides" if self.model.leading else "nucleotides",
        }
        of_call = sum(self.rows) * len(self.wanted)
        left = len(lacking)
        if not lacking:
            return
        with Recording(self.store, self.folder, about, self.keys, self.rows, missing, of_call) as recording:
            for place, computed in self.model.run([self.inputs[number] for number in lacking], self.wanted):
                number = lacking[place]
                left -= 1
                recording.put(number, computed, last=not left)
                kept = {layer: held.read(number, layer) for layer in self.wanted}
                yield number, computed | {layer: own for layer, own in kept.items() if own is not None}


def _all_there(found: Mapping[int, NDArray[np.float32] | None]) -> States | None:
    whole = {layer: states for layer, states in found.items() if states is not None}
    return whole if len(whole) == len(found) else None


def _code(adapter: type[ModelAdapter]) -> list[Path]:
    """The files in which an adapter and what it inherits from are written, the interface itself left out."""
    kinds = [kind for kind in adapter.__mro__ if issubclass(kind, ModelAdapter) and kind is not ModelAdapter]
    functions = [function for kind in kinds for function in vars(kind).values() if inspect.isfunction(function)]
    files = sorted({function.__code__.co_filename for function in functions})
    return [path for path in map(Path, files) if path.is_file()]


def _distinct(sequences: Sequence[ModelInput]) -> tuple[list[bytes], list[int], dict[int, list[int]]]:
    """Keys of the distinct inputs, the index at which each comes first, and first index -> those of its copies."""
    first: dict[bytes, int] = {}
    copies: dict[int, list[int]] = {}
    for index, given in enumerate(sequences):
        if (original := first.setdefault(_key(given), index)) != index:
            copies.setdefault(original, []).append(index)
    return list(first), list(first.values()), copies


def _key(given: ModelInput) -> bytes:
    """Of a sequence, or of a whole alignment, its query first."""
    rows = [given] if isinstance(given, str) else ["alignment", *given.rows]
    return hashlib.sha256("\n".join(rows).encode()).digest()[:KEY_BYTES]
