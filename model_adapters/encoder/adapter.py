"""Adapter for models of the multimolecule and transformers libraries: a catalog entry each, no code.

The adapter itself is cheap to make and to hash; :meth:`EncoderAdapter.load` imports the deep-learning libraries.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.adapter import ModelAdapter, ModelOptions, Replacement, Trainable
from harness.errors import HarnessError, InputError
from harness.storage.cache import file_digest
from harness.storage.weights import find_weights, read_config, tensor_shapes, weights_digest
from model_adapters.encoder.entry import Entry, Tokens, byte_pair_file
from model_adapters.encoder.spelling import Spelling

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from model_adapters.encoder.network import Network
    from model_adapters.encoder.tokens import TokenReader

ADAPTER_VERSION = 1
"""Raised whenever the numbers that this adapter returns for the same weights change."""

_STAND_IN_QUIRK = ("its byte pairs are a stand-in merged on random letters, not those of the trained model",)

_LIBRARIES = ("multimolecule", "torch", "transformers")


class EncoderAdapter(ModelAdapter):
    """One catalog entry with its trained weights, or with random ones where ``initialisation`` is given."""

    attention_kernel: str | None = "sdpa for hidden states, eager for attention maps"
    tokens_per_batch: int | None = None
    """Tokens that go through at once; None leaves it to the device. Attention maps take the square of it in cells."""

    def __init__(self, entry: Entry, options: ModelOptions, initialisation: int | None = None) -> None:
        self.entry = entry
        self.options = options
        self.initialisation = initialisation
        self.card = entry.card
        if not entry.architecture.attention:
            self.attention_kernel = None
        if initialisation is not None:
            stand_in = entry.tokens.kind == "byte pair" and entry.own is None
            suffix = f":{initialisation}" if initialisation else ""
            self.card = entry.card.model_copy(
                update={
                    "name": f"{entry.name}:random{suffix}",
                    "summary": f"{entry.name} with random weights, initialisation {initialisation}",
                    "role": "floor",
                    "corpus": "none",
                    "exposure": {},
                    "hub_id": None,
                    "revision": None,
                    "quirks": (*entry.token_quirks, *_STAND_IN_QUIRK[:stand_in]),
                }
            )
        self._identity: str | None = None
        self._network: Network | None = None
        self._described: Path | None = None
        if initialisation is None:
            with suppress(HarnessError):  # what is wrong is said when the weights are needed
                self._folder(network=False)

    def identity(self) -> str:
        if self._identity is None:
            architecture = self.entry.architecture
            facts: dict[str, Any] = {
                "adapter": ADAPTER_VERSION,
                "dtype": self.options.dtype,
                "tokens": [architecture.leading, architecture.trailing, architecture.pad_to],
            }
            tokens = self.entry.tokens
            own = self.entry.own
            if own is not None:
                facts["vocabulary"] = [tokens.model_dump(), own.model_dump(exclude={"folder", "files", "longest"})]
                facts["tokenizer"] = [file_digest(own.folder / name) for name in own.files]
                facts["architecture"] = architecture.model_dump()
            elif (tokens, architecture.vocabulary) != (Tokens(), "standard"):
                # absent from the facts of single nucleotides, whose identities are older than other tokens
                facts["vocabulary"] = [tokens.model_dump(), architecture.vocabulary]
            if own is None and tokens.kind == "byte pair":
                folder = self._folder() if self.initialisation is None else None
                facts["tokenizer"] = file_digest(byte_pair_file(folder))
            if self.initialisation is None:
                facts["weights"] = weights_digest(self._folder())
            else:
                facts["class"] = architecture.model_class
                facts["config"] = self.entry.config
                facts["initialisation"] = self.initialisation
                facts["libraries"] = {name: version(name) for name in _LIBRARIES}
            self._identity = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
        return self._identity

    def random_twin(self, initialisation: int = 0) -> EncoderAdapter:
        # a twin's own twin is another initialisation, never itself
        own = -1 if self.initialisation is None else self.initialisation
        return type(self)(self.entry, self.options, own + 1 + initialisation)

    def available(self) -> bool:
        if self.initialisation is not None:
            return True
        try:
            return self._folder(network=False).is_dir()
        except HarnessError:
            return False

    def weights_folder(self) -> Path | None:
        return self._folder() if self.initialisation is None else None

    def load(self, device: str = "cpu") -> None:
        """Put the weights into memory on ``device``. Calling it again does nothing.

        Raises:
            InputError: the weights are damaged or belong to another model; no such kind of device.
            Unavailable: the weights or the device are not on this machine.
        """
        if self._network is None:
            self._network = self._build(device)

    def _build(self, device: str) -> Network:
        folder = self._folder() if self.initialisation is None else None
        from model_adapters.encoder.network import Network

        return Network.build(self.entry, folder, self.initialisation or 0, device, self.options.dtype)

    def trainable(self, blocks: int, rank: int | None, seed: int, device: str = "cpu") -> Trainable:
        if "alignment" in self.card.capabilities:
            self._lacks("trainable copy")
        from model_adapters.encoder.trainable import trainable

        return trainable(self._build(device), blocks, rank, seed)

    def unload(self) -> None:
        self._network = None

    def hidden_states(
        self, sequences: Sequence[str], layers: Sequence[int]
    ) -> Iterator[tuple[int, dict[int, NDArray[np.float32]]]]:
        wanted = {layer: self.resolve_layer(layer) for layer in layers}
        return self._ready(sequences).hidden_states(sequences, wanted)

    def hidden_states_with_leading(
        self, sequences: Sequence[str], layers: Sequence[int]
    ) -> Iterator[tuple[int, dict[int, NDArray[np.float32]]]]:
        if "leading" not in self.card.capabilities:
            self._lacks("leading")
        wanted = {layer: self.resolve_layer(layer) for layer in layers}
        return self._ready(sequences).hidden_states(sequences, wanted, leading=True)

    def visit_attention(self, sequences: Sequence[str], visit: Callable[[int, int, NDArray[np.float32]], None]) -> None:
        if "attention" not in self.card.capabilities:
            self._lacks("attention")
        self._ready(sequences).visit_attention(sequences, visit)

    def visit_attention_with_special(
        self, sequences: Sequence[str], visit: Callable[[int, int, NDArray[np.float32]], None]
    ) -> None:
        """As :meth:`visit_attention`, but (heads, length, length + special): columns of special tokens come last.

        Before they are cut rows sum to 1, whatever the tokens: a law to test an adapter by.
        """
        if "attention" not in self.card.capabilities:
            self._lacks("attention")
        self._ready(sequences).visit_attention(sequences, visit, special=True)

    def log_probs(
        self,
        sequences: Sequence[str],
        positions: Sequence[Sequence[int]],
        replacement: Replacement | None = None,
    ) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """Yield ``(index, (positions, 4))`` float32: natural logarithms over A, C, G, U at masked positions.

        All positions of a sequence are masked in one pass, with every token that covers one. A position's probabilities
        are the mean over its tokens of the marginals at its place in them, renormalised over the four letters, because
        vocabularies hold more. ``replacement`` is spliced into the same pass.

        Raises:
            InputError: a position lies outside its sequence, or a sequence is too long or holds a foreign letter.
            NotApplicable: the model has no masked language-model head, or tokens that are no nucleotides or k-mers.
        """
        if "log_probs" not in self.card.capabilities:
            self._lacks("log_probs")
        if replacement is not None and "replace_hidden" not in self.card.capabilities:
            self._lacks("replace_hidden")
        network = self._ready(sequences)
        layer = None if replacement is None else self.resolve_layer(replacement.layer)
        return network.log_probs(sequences, positions, layer, replacement.function if replacement else None)

    def unmasked_log_probs(self, sequences: Sequence[str]) -> Iterator[tuple[int, NDArray[np.float32]]]:
        if "unmasked_log_probs" not in self.card.capabilities:
            self._lacks("unmasked_log_probs")
        return self._ready(sequences).unmasked_log_probs(sequences)

    def causal_log_probs(self, sequences: Sequence[str]) -> Iterator[tuple[int, NDArray[np.float32]]]:
        if "causal_log_probs" not in self.card.capabilities:
            self._lacks("causal_log_probs")
        return self._ready(sequences).causal_log_probs(sequences)

    def token_of(self, sequence: str) -> NDArray[np.int64]:
        if self.entry.tokens.kind == "single":
            return super().token_of(sequence)
        return self._reader.read(sequence).groups

    @cached_property
    def _reader(self) -> TokenReader:
        from model_adapters.encoder.tokens import token_reader

        return token_reader(self.entry, self._folder() if self.initialisation is None else None)

    def _folder(self, network: bool = True) -> Path:
        entry = self.entry
        packaged = Path(__file__).parents[1] / entry.packaged if entry.packaged else None
        folder = find_weights(entry.name, self.options.weights, packaged, entry.hub_id, entry.revision, network)
        if folder != self._described:
            self._described = folder
            with suppress(InputError):  # damaged files are refused with a reason when they are loaded
                self._describe(folder)
        return folder

    def _describe(self, folder: Path) -> None:
        """Learn from the names of the tensors what these weights lack, and what of them is not read."""
        architecture = self.entry.architecture
        spelling = Spelling(architecture, tensor_shapes(folder))
        self.unread_tensors = spelling.unread
        if architecture.lm_head is None or spelling.has_head(read_config(folder)):
            return
        reason = f"the weights hold no language-model head (no tensor of {architecture.lm_head})"
        before = self.card.capabilities
        self.entry = self.entry.model_copy(
            update={
                "architecture": architecture.model_copy(update={"lm_head": None}),
                "quirks": (*self.entry.quirks, f"{reason}: no log-probabilities"),
            }
        )
        self.card = self.entry.card
        self.lost = dict.fromkeys(before - self.card.capabilities, reason)

    def _ready(self, sequences: Sequence[str]) -> Network:
        self.check_lengths(sequences)
        self.load()
        assert self._network is not None
        self._network.tokens_per_batch = self.tokens_per_batch
        return self._network
