"""Forward passes of an encoder, read and changed through hooks. Imports torch: load it only when a model runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import numpy as np
import torch
from multimolecule import RnaTokenizer
from numpy.typing import NDArray
from torch import Tensor, nn

from harness.batching import halve_on_out_of_memory, token_budget_batches
from harness.errors import HarnessError, InputError, Unavailable
from harness.memory import release_freed_memory
from model_adapters.checkpoint import random_network, trained_network
from model_adapters.entry import Entry

_LARGE_MAPS = 2**20  # entries of the attention maps of a layer, from which freed memory is worth giving back

TOKENS_PER_BATCH = {"cpu": 2**12, "cuda": 2**16}
MAP_CELLS_PER_BATCH = {"cpu": 2**18, "cuda": 2**22}
"""Cells of one attention head's maps in a batch: length squared times the number of sequences."""

Hook = Callable[[nn.Module, Any, Any], Any]
Splice = Callable[[int, NDArray[np.float32]], NDArray[np.float32]]
Computed = TypeVar("Computed")


class _Enough(Exception):
    """Raised in a hook once everything asked for is there: the rest of the network need not run."""


class _VisitorError(Exception):
    """Carries an error of the caller's own function out of the hooks, so that no batch is run again for it."""


class Network:
    """A loaded encoder on one device. Everything it returns is float32 and free of special and padding tokens."""

    def __init__(self, entry: Entry, model: nn.Module, device: torch.device, dtype: str) -> None:
        architecture = entry.architecture
        self.name = entry.name
        self.pad_to = architecture.pad_to
        self.device = device
        self.low_precision = dtype == "bfloat16"
        self.model: Any = model.to(device)  # Any: the library is not typed
        if self.low_precision:
            # autocast keeps norms, softmax and position codes in float32: bfloat16 cannot count beyond 256
            for module in self.model.modules():
                if isinstance(module, nn.Linear):
                    module.to(torch.bfloat16)
        self.encoder = self.model.get_submodule(architecture.encoder)
        self.blocks = list(self.model.get_submodule(architecture.blocks).children())
        self.attentions = [block.get_submodule(architecture.attention) for block in self.blocks]
        last = self.model.get_submodule(architecture.final_norm) if architecture.final_norm else self.blocks[-1]
        self.sites = [self.model.get_submodule(architecture.embeddings), *self.blocks[:-1], last]
        self.lm_head: Any = self.model.get_submodule(architecture.lm_head) if architecture.lm_head else None
        self._read_vocabulary(architecture.leading, architecture.trailing)

    @classmethod
    def build(cls, entry: Entry, folder: Path | None, initialisation: int, device: str, dtype: str) -> Network:
        """Weights from ``folder``, or random ones, on ``device``."""
        place = _device(device)
        model = random_network(entry, initialisation) if folder is None else trained_network(entry, folder)
        return cls(entry, model, place, dtype)

    def hidden_states(
        self, sequences: Sequence[str], layers: Mapping[int, int], leading: bool = False
    ) -> Iterator[tuple[int, dict[int, NDArray[np.float32]]]]:
        """``layers`` maps the numbers as asked for to layers from 0 to the number of blocks.

        With ``leading`` the special token just before the nucleotides comes first.
        """
        top = max(layers.values(), default=0)

        def compute(part: Sequence[int]) -> dict[int, NDArray[np.float32]]:
            captured: dict[int, Tensor] = {}

            def recorder(layer: int) -> Hook:
                def record(module: nn.Module, arguments: Any, output: Any) -> None:
                    captured[layer] = _hidden(output)
                    if layer == top:
                        raise _Enough

                return record

            self._forward([sequences[i] for i in part], {self.sites[k]: [recorder(k)] for k in set(layers.values())})
            return {layer: _numpy(hidden) for layer, hidden in captured.items()}

        if not layers:
            return
        for part, states in self._batches(sequences, compute):
            for row, index in enumerate(part):
                span = self._span(sequences[index])
                if leading:
                    span = slice(span.start - 1, span.stop)
                yield index, {asked: states[layer][row, span].copy() for asked, layer in layers.items()}

    def visit_attention(self, sequences: Sequence[str], visit: Callable[[int, int, NDArray[np.float32]], None]) -> None:
        visited: set[tuple[int, int]] = set()  # a batch that is halved in its middle repeats no visit

        def compute(part: Sequence[int]) -> None:
            def visitor(layer: int) -> Hook:
                def show(module: nn.Module, arguments: Any, output: Any) -> None:
                    maps = output[-1]
                    if maps is None:
                        raise HarnessError(f"{self.name} returned no attention maps: its kernel is not 'eager'")
                    if maps.numel() >= _LARGE_MAPS:
                        release_freed_memory()
                    for row, index in enumerate(part):
                        if (index, layer) not in visited:
                            span = self._span(sequences[index])
                            cut = _numpy(maps[row, :, span, span].contiguous())
                            visited.add((index, layer))
                            with _visiting():
                                visit(index, layer, cut)
                    if layer == len(self.blocks):
                        raise _Enough

                return show

            hooks = {module: [visitor(layer)] for layer, module in enumerate(self.attentions, start=1)}
            self._forward([sequences[i] for i in part], hooks, kernel="eager")

        for _ in self._batches(sequences, compute, maps=True):
            pass

    def log_probs(
        self,
        sequences: Sequence[str],
        positions: Sequence[Sequence[int]],
        layer: int | None,
        function: Splice | None,
    ) -> Iterator[tuple[int, NDArray[np.float32]]]:
        for index, (sequence, masked) in enumerate(zip(sequences, positions, strict=True)):
            if any(not 0 <= position < len(sequence) for position in masked):
                raise InputError(f"sequence {index} has {len(sequence)} nt: cannot mask all of {list(masked)}")
        assert self.lm_head is not None

        def compute(part: Sequence[int]) -> NDArray[np.float32]:
            captured: list[Tensor] = []

            def record(module: nn.Module, arguments: Any, output: Any) -> None:
                captured.append(_hidden(output))
                raise _Enough

            hooks: dict[nn.Module, list[Hook]] = {self.sites[-1]: [record]}
            if layer is not None and function is not None:
                hooks.setdefault(self.sites[layer], []).insert(0, self._splicer(sequences, part, function))
            self._forward([sequences[i] for i in part], hooks, masked=[positions[i] for i in part])
            rows = [row for row, index in enumerate(part) for _ in positions[index]]
            columns = [position + self.offset for index in part for position in positions[index]]
            with self._precision():
                logits = self.lm_head({"last_hidden_state": captured[0][rows, columns]}).logits
            return _numpy(logits[:, self.letters].float().log_softmax(-1))

        for part, values in self._batches(sequences, compute):
            ends = np.cumsum([len(positions[index]) for index in part])
            yield from zip(part, np.split(values, ends[:-1]), strict=True)

    def _splicer(self, sequences: Sequence[str], part: Sequence[int], function: Splice) -> Hook:
        """A hook that puts what ``function`` returns in the place of the nucleotides' hidden states."""

        def splice(module: nn.Module, arguments: Any, output: Any) -> Any:
            hidden = _hidden(output).clone()
            for row, index in enumerate(part):
                span = self._span(sequences[index])
                before = _numpy(hidden[row, span].clone())
                with _visiting():
                    after = np.asarray(function(index, before))
                    if after.shape != before.shape:
                        raise ValueError(f"a replacement of shape {after.shape} for {before.shape}")
                hidden[row, span] = torch.as_tensor(after).to(hidden)
            return (hidden, *output[1:]) if isinstance(output, tuple) else hidden

        return splice

    def _read_vocabulary(self, leading: Sequence[str], trailing: Sequence[str]) -> None:
        tokenizer = RnaTokenizer()
        self.pad, self.mask = tokenizer.pad_token_id, tokenizer.mask_token_id
        self.leading = tokenizer.convert_tokens_to_ids(list(leading))
        self.trailing = tokenizer.convert_tokens_to_ids(list(trailing))
        self.offset = len(self.leading)
        self.letters: list[int] = tokenizer.convert_tokens_to_ids(list("ACGU"))
        self.token_of = np.full(256, -1, dtype=np.int64)
        for letter in "ACGUN":
            self.token_of[ord(letter)] = tokenizer.convert_tokens_to_ids(letter)
        if tokenizer.unk_token_id in self.token_of:
            raise HarnessError(f"the tokenizer of {self.name} does not know all of A C G U N")

    def _span(self, sequence: str) -> slice:
        return slice(self.offset, self.offset + len(sequence))

    def _tokens(self, sequences: Sequence[str], masked: Sequence[Sequence[int]] | None) -> tuple[Tensor, Tensor]:
        special = len(self.leading) + len(self.trailing)
        width = self.pad_to or max(map(len, sequences)) + special
        tokens = np.full((len(sequences), width), self.pad, dtype=np.int64)
        lengths = np.array([len(sequence) + special for sequence in sequences])
        for row, sequence in enumerate(sequences):
            span = self._span(sequence)
            letters = self.token_of[np.frombuffer(sequence.encode("latin-1", "replace"), dtype=np.uint8)]
            if (letters < 0).any():
                raise InputError(f"{sequence[int(np.argmin(letters))]!r} is not one of A C G U N: normalise sequences")
            tokens[row, : span.start], tokens[row, span] = self.leading, letters
            tokens[row, span.stop : lengths[row]] = self.trailing
            if masked is not None:
                tokens[row, [position + self.offset for position in masked[row]]] = self.mask
        seen = width if self.pad_to else lengths[:, None]
        visible = (np.arange(width) < seen) & np.ones_like(tokens, dtype=bool)
        return torch.from_numpy(tokens).to(self.device), torch.from_numpy(visible.astype(np.int64)).to(self.device)

    def _batches(
        self, sequences: Sequence[str], compute: Callable[[Sequence[int]], Computed], maps: bool = False
    ) -> Iterator[tuple[Sequence[int], Computed]]:
        lengths = [self.pad_to or len(sequence) for sequence in sequences]
        budgets = MAP_CELLS_PER_BATCH if maps else TOKENS_PER_BATCH
        costs = [length**2 for length in lengths] if maps else lengths
        try:
            for batch in token_budget_batches(costs, budgets[self.device.type]):
                yield from halve_on_out_of_memory(batch, compute)
        except _VisitorError as error:
            assert error.__cause__ is not None
            raise error.__cause__ from None

    def _forward(
        self,
        sequences: Sequence[str],
        hooks: Mapping[nn.Module, Sequence[Hook]],
        kernel: str = "sdpa",
        masked: Sequence[Sequence[int]] | None = None,
    ) -> None:
        tokens, visible = self._tokens(sequences, masked)
        # the modules read the kernel from the configuration they share, at every pass
        self.model.config._attn_implementation = kernel
        with ExitStack() as stack, self._precision():
            for module, functions in hooks.items():
                for function in functions:
                    stack.callback(module.register_forward_hook(function).remove)
            with suppress(_Enough):
                self.encoder(tokens, attention_mask=visible)

    @contextmanager
    def _precision(self) -> Iterator[None]:
        with torch.inference_mode(), torch.autocast(self.device.type, torch.bfloat16, enabled=self.low_precision):
            yield


@contextmanager
def _visiting() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        raise _VisitorError from error


def _hidden(output: Any) -> Tensor:
    hidden: Tensor = output[0] if isinstance(output, tuple) else output
    return hidden


def _numpy(tensor: Tensor) -> NDArray[np.float32]:
    array: NDArray[np.float32] = tensor.float().cpu().numpy()
    return array


def _device(name: str) -> torch.device:
    try:
        device = torch.device(name)
    except RuntimeError:
        _refuse_device(name)
    if device.type not in TOKENS_PER_BATCH:
        _refuse_device(name)
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise Unavailable(f"device {name} is not on this machine: use --device cpu")
    return device


def _refuse_device(name: str) -> NoReturn:
    raise InputError(f"{name!r} is not a device: write cpu, cuda or cuda:1")
