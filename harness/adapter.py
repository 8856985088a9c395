"""The one interface between the harness and a model.

Every array an adapter returns is indexed by the nucleotides of the input sequence, never by tokens:
special tokens are cut and coarser tokens are spread over the nucleotides that they cover.

Making an adapter is cheap: the constructor and :meth:`ModelAdapter.identity` import no deep-learning
library and read no weights into memory. The first call that needs the weights loads them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, NoReturn

from pydantic import BaseModel, ConfigDict, Field

from harness.errors import InputError, NotApplicable
from harness.names import ModelName

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

Capability = Literal[
    "hidden_states",
    "leading",
    "attention",
    "log_probs",
    "unmasked_log_probs",
    "causal_log_probs",
    "replace_hidden",
    "sequence_vectors",
    "pair_scores",
    "similarity",
    "alignment",
]
Role = Literal["model", "floor", "ablation", "reference"]
Alphabet = Literal["nucleotide", "protein"]


class ModelCard(BaseModel):
    """What is known of a model before it is loaded. Unknown fields are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: ModelName
    summary: str
    role: Role = "model"
    group: str | None = Field(default=None, description="what kind of sequence it was trained on; None for baselines")
    architecture: str
    alphabet: Alphabet = "nucleotide"
    tokenisation: str = "single nucleotide"
    resolution: str = "1 nt"
    capabilities: frozenset[Capability]
    layers: int | None = Field(default=None, description="number of blocks; layer 0 is the embedding output")
    heads: int | None = None
    width: int | None = None
    parameters: int | None = None
    max_length: int | None = Field(default=None, description="longest sequence in nucleotides; None means no limit")
    min_length: int = Field(default=1, description="shortest sequence in nucleotides: a whole token")
    length_multiple: int = Field(default=1, description="length must be a multiple of this (3 for codons)")
    corpus: str = "unknown"
    exposure: dict[str, str] = Field(
        default_factory=dict, description="dataset name -> overlap with the pretraining data; absent means unknown"
    )
    licence: str = "unknown"
    hub_id: str | None = None
    revision: str | None = None
    citation: str = ""
    quirks: tuple[str, ...] = ()
    pair_scores_like_attention: bool = False
    vectors_compared_by: Literal["angle", "distance"] = Field(
        default="angle", description="sequence vectors: by cosine, or by Euclidean distance in standard deviations"
    )

    def exposure_to(self, dataset: str) -> str:
        """The known overlap of a dataset with the pretraining data; "none" where there was no pretraining."""
        return self.exposure.get(dataset, "none" if self.corpus == "none" else "unknown")

    def broken_length_rule(self, length: int) -> str | None:
        """The rule of the model that ``length`` breaks, such as "at most 440 nt"; None if it breaks none."""
        if self.max_length is not None and length > self.max_length:
            return f"at most {self.max_length} nt"
        if length < self.min_length:
            return f"at least {self.min_length} nt"
        if length % self.length_multiple:
            return f"whole codons of {self.length_multiple} nt"
        return None


@dataclass(frozen=True)
class ModelOptions:
    """Options for any model: the folder with its weights, and the number format it runs in."""

    weights: Path | None = None
    dtype: Literal["float32", "bfloat16"] = "float32"
    argument: str = ""
    """What follows the colon in the name of a model that takes an argument, such as ``precomputed:FOLDER``."""


@dataclass(frozen=True)
class Replacement:
    """Splice ``function(index, hidden)`` in for the hidden state of ``layer``.

    ``function`` takes the index of the sequence and its (length, width) float32 array and returns an array of
    the same shape; special tokens keep their own hidden states.
    """

    layer: int
    function: Callable[[int, NDArray[np.float32]], NDArray[np.float32]]


@dataclass(frozen=True)
class Trainable:
    """A copy of a model to be trained: its ``parameters``, and the states that follow from them.

    ``states`` takes sequences and returns the last layer of each, (length, width) float32, all in one batch and with
    gradients where PyTorch keeps any.
    """

    parameters: list[Tensor]
    states: Callable[[Sequence[str]], list[Tensor]]


class ModelAdapter(ABC):
    """A model behind the interface that every task uses.

    A subclass sets :attr:`card`, implements :meth:`identity`, and overrides the methods of the capabilities that
    its card lists. Sequences are upper-case strings over A C G U N. Iterators yield in any order.
    """

    card: ModelCard
    attention_kernel: str | None = None
    """Which implementation of attention runs, for the record; None where there is no attention."""
    lost: Mapping[str, str] = MappingProxyType({})
    """Capabilities of the architecture that these weights lack, and so the card, and why."""
    unread_tensors: tuple[str, ...] = ()
    """Heads among the weights that nothing reads, for the record."""

    @abstractmethod
    def identity(self) -> str:
        """Hash of weights, tokenizer, adapter version and dtype: never of a name or a path.

        Raises:
            Unavailable: the weights are not on this machine and cannot be fetched.
        """

    def available(self) -> bool:
        """Whether the weights are on this machine; uses no network."""
        return True

    def weights_folder(self) -> Path | None:
        """The folder that the weights are read from; None where there are no files. ``harness check`` alters a copy."""
        return None

    def load(self, device: str = "cpu") -> None:  # noqa: B027  (baselines have nothing to load)
        """Put the weights into memory on ``device``. Calling it again does nothing."""

    def unload(self) -> None:  # noqa: B027
        """Release the weights; a later call loads them again."""

    def random_twin(self, initialisation: int = 0) -> ModelAdapter:
        """The same architecture with random weights: the control of this model.

        A twin numbers its own twins from its initialisation on, so that no twin is its own twin.
        """
        self._lacks("random twin")

    def trainable(self, blocks: int, rank: int | None, seed: int, device: str = "cpu") -> Trainable:
        """A copy of which the last ``blocks`` blocks can be trained; the model itself stays as it is.

        With a ``rank`` by low-rank adapters, whose random half follows the seed; without one by all of their weights.
        """
        self._lacks("trainable copy")

    def hidden_states(
        self, sequences: Sequence[str], layers: Sequence[int]
    ) -> Iterator[tuple[int, dict[int, NDArray[np.float32]]]]:
        """Yield ``(index, {layer: (length, width) float32})``, in any order.

        Layer 0 is the embedding output, layer i < n the raw output of block i, layer n (also -1) the output after
        the final norm where the model has one. Keys of the dictionary are the layers as asked for.
        """
        self._lacks("hidden_states")

    def announced(self, calls: Sequence[Sequence[str]], layers: Sequence[int]) -> AbstractContextManager[None]:
        """While it is open, each of ``calls`` is about to be asked of :meth:`hidden_states`, in this order.

        The activation store lets other processes embed a part of them. A model has nothing to do.
        """
        return nullcontext()

    def layers_held(self, sequences: Sequence[str]) -> tuple[int, ...]:
        """The layers of which hidden states of all ``sequences`` can be had; a folder of arrays may hold a few."""
        return tuple(range(self.resolve_layer(-1) + 1))

    def hidden_states_with_leading(
        self, sequences: Sequence[str], layers: Sequence[int]
    ) -> Iterator[tuple[int, dict[int, NDArray[np.float32]]]]:
        """As :meth:`hidden_states`, but (1 + length, width): the leading special token (CLS, BOS) comes first.

        The only special token that leaves an adapter, for protocols that were published with it.
        """
        self._lacks("leading")

    def sequence_vectors(self, sequences: Sequence[str]) -> NDArray[np.float32]:
        """(sequences, width) float32: one vector per sequence, for models without hidden states (k-mer counts)."""
        self._lacks("sequence_vectors")

    def similarity(self, pairs: Sequence[tuple[str, str]]) -> NDArray[np.float32]:
        """(pairs,) float32: similarity of the two sequences, such as alignment identity; higher is more similar."""
        self._lacks("similarity")

    def visit_attention(self, sequences: Sequence[str], visit: Callable[[int, int, NDArray[np.float32]], None]) -> None:
        """Call ``visit(index, layer, maps)`` with ``(heads, length, length)`` float32, layers counted from 1.

        One layer at a time: the array is valid only during the call. A model with the capability ``alignment`` is given
        :class:`harness.sequences.alignment.Alignment` objects instead of strings, here and in :meth:`hidden_states`;
        its arrays are indexed by the nucleotides of the query, the first row.
        """
        self._lacks("attention")

    def pair_scores(self, sequences: Sequence[str]) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """Yield ``(index, (length, length))`` float32 scores of base pairs, in any order.

        They are symmetric and used as they are, unless the card says ``pair_scores_like_attention``: the pairing priors
        do, and go through symmetrisation, APC and sigmoid like an attention head.
        """
        self._lacks("pair_scores")

    def log_probs(
        self,
        sequences: Sequence[str],
        positions: Sequence[Sequence[int]],
        replacement: Replacement | None = None,
    ) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """Yield ``(index, (positions, 4))``: log-probabilities of A, C, G, U at masked positions, normalised.

        All positions given for a sequence are masked together, in one pass.
        """
        self._lacks("log_probs")

    def unmasked_log_probs(self, sequences: Sequence[str]) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """Yield ``(index, (length, 4))``: log-probabilities of A, C, G, U at every position, normalised.

        Nothing is masked: each position sees its own letter. What matters is how it changes with the other letters.
        """
        self._lacks("unmasked_log_probs")

    def causal_log_probs(self, sequences: Sequence[str]) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """Yield ``(index, (length, 4))``: log-probabilities of A, C, G, U given the nucleotides before, normalised.

        The first row is uniform where nothing, not even a special token, comes before the first nucleotide.
        """
        self._lacks("causal_log_probs")

    def token_of(self, sequence: str) -> NDArray[np.int64]:
        """(length,) int64: equal numbers for nucleotides that the model cannot tell apart, ascending; loads no weights.

        By default every nucleotide has its own number. That suits single-nucleotide tokens, and overlapping tokens,
        where no two nucleotides are covered by the same ones. With coarser tokens, those of one token share a number.
        """
        import numpy as np

        return np.arange(len(sequence), dtype=np.int64)

    def resolve_layer(self, layer: int) -> int:
        """A layer number between 0 and the number of blocks; -1 is the last.

        Raises:
            InputError: the model has no such layer.
        """
        layers = self.card.layers
        if layers is None:
            raise NotApplicable(f"{self.card.name} has no layers")
        if not -layers - 1 <= layer <= layers:
            raise InputError(f"{self.card.name} has layers 0 to {layers} (or -1 for the last), not {layer}")
        return layer if layer >= 0 else layer + layers + 1

    def check_lengths(self, sequences: Sequence[str]) -> None:
        """Refuse sequences that a task should have skipped and counted, by :meth:`ModelCard.broken_length_rule`.

        Raises:
            InputError: a sequence is too long, too short, or not made of whole codons.
        """
        for index, sequence in enumerate(sequences):
            if rule := self.card.broken_length_rule(len(sequence)):
                raise InputError(f"sequence {index} has {len(sequence)} nt; {self.card.name} takes {rule}")

    def reason(self, *capabilities: str) -> str:
        """``: why`` these weights lack one of the capabilities, or nothing where the architecture has none of them."""
        return next((f": {self.lost[capability]}" for capability in capabilities if capability in self.lost), "")

    def _lacks(self, capability: str) -> NoReturn:
        raise NotApplicable(f"{self.card.name} has no {capability.replace('_', ' ')}{self.reason(capability)}")


ModelFactory = Callable[[ModelOptions], ModelAdapter]
