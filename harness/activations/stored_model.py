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
import inspect
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from itertools import accumulate
from pathlib import Path
from typing import Any, cast

from harness.activations.call import Call, Share, distinct, key_of
from harness.activations.offer import Offer, offering
from harness.activations.recording import States
from harness.activations.store import ActivationStore
from harness.adapter import ModelAdapter
from harness.sequences.alignment import ModelInput
from harness.storage.cache import file_digest

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
        self._shares: dict[tuple[object, ...], Share] = {}

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
        found = offer.read()
        if found.computes != self.what_computes():
            raise ValueError("what another version of the model, or another kind of device, has offered")
        keys = [key_of(sequence) for sequence in found.sequences]
        Call(self, found.sequences, keys, {layer: layer for layer in found.layers}, found.groups).embed(offer)

    @contextmanager
    def announced(self, calls: Sequence[Sequence[ModelInput]], layers: Sequence[int]) -> Iterator[None]:
        """See :class:`ModelAdapter`: what they lack is offered as a whole."""
        made = [self._call(sequences, layers)[0] for sequences in calls]
        inputs = {key: given for call in made for key, given in zip(call.keys, call.inputs, strict=True)}
        place = {key: number for number, key in enumerate(inputs)}
        # what several calls read is embedded by the first
        groups = [[place.pop(key) for key in keys if key in place] for call in made for keys in call.keys_of_groups()]
        starts = [0, *accumulate(len(call.groups) for call in made)]
        with self._offered(Call(self, [*inputs.values()], [*inputs], self._resolved(layers), groups)) as offer:
            if offer is not None:
                self._shares = {_name(call): Share(offer, start) for call, start in zip(made, starts, strict=False)}
            try:
                yield
            finally:
                self._shares = {}

    @contextmanager
    def _offered(self, call: Call) -> Iterator[Offer | None]:
        if self.offers is None or (content := call.to_offer()) is None:
            yield None
        else:
            with offering(self.offers, content) as offer:
                yield offer

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
        call, firsts, copies = self._call(sequences, layers)
        share = self._shares.get(_name(call))
        with nullcontext() if share else self._offered(call) as offer:
            for number, states in call.states(share or (Share(offer, 0) if offer else None)):
                yield firsts[number], states
                for copy in copies.get(firsts[number], ()):
                    yield copy, {layer: own.copy() for layer, own in states.items()}

    def _call(
        self, sequences: Sequence[ModelInput], layers: Sequence[int]
    ) -> tuple[Call, list[int], dict[int, list[int]]]:
        """A call of the distinct sequences; where each comes first, and where its copies are."""
        keys, firsts, copies = distinct(sequences)
        return Call(self, [sequences[index] for index in firsts], keys, self._resolved(layers)), firsts, copies

    def _resolved(self, layers: Sequence[int]) -> dict[int, int]:
        numbered = self._model.card.layers is not None
        return {layer: self._model.resolve_layer(layer) if numbered else layer for layer in layers}

    def about(self) -> dict[str, str]:
        """What shards tell of themselves, beside their layer."""
        rows = "leading token, then nucleotides" if self.leading else "nucleotides"
        return {"model": self._model.card.name, "identity": self._model.identity(), "rows": rows}

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


def _name(call: Call) -> tuple[object, ...]:
    """Equal for equal calls."""
    return (*call.wanted, *call.keys)


def _code(adapter: type[ModelAdapter]) -> list[Path]:
    """The files in which an adapter and what it inherits from are written, the interface itself left out."""
    kinds = [kind for kind in adapter.__mro__ if issubclass(kind, ModelAdapter) and kind is not ModelAdapter]
    functions = [function for kind in kinds for function in vars(kind).values() if inspect.isfunction(function)]
    files = sorted({function.__code__.co_filename for function in functions})
    return [path for path in map(Path, files) if path.is_file()]
