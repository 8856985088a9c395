"""Forward passes of an encoder, read and changed through hooks. Imports torch: load it only when a model runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from harness.compute.batching import MemoryBudget, is_out_of_memory
from harness.compute.device import device_named
from harness.compute.memory import free_on, release_freed_memory
from harness.errors import HarnessError, InputError
from harness.sequences.pieces import Pieces
from model_adapters.encoder.checkpoint import fault_of_head, random_network, trained_network
from model_adapters.encoder.entry import Entry
from model_adapters.encoder.head import LanguageModelHead, MaskedTokens
from model_adapters.encoder.hooks import Enough, Hook, VisitorError, hidden_of, last_recorder, to_numpy, visiting
from model_adapters.encoder.tokens import TokenReader, token_reader

_LARGE_MAPS = 2**20  # entries of the attention maps of a layer, from which freed memory is worth giving back

TOKENS_PER_BATCH = {"cpu": 2**12, "cuda": 2**16}
STATES_PER_BATCH = 2**29
"""Numbers of the hidden states of a batch, all layers together: 2 GB."""
MAP_CELLS_PER_BATCH = {"cpu": 2**18, "cuda": 2**22}
"""Cells of one attention head's maps in a batch: length squared times the number of sequences."""

_STATES_IN_FLIGHT = 8
"""Arrays as wide as the hidden states that a block holds at once: its input, queries, keys, values, sums."""
_MAPS_IN_FLIGHT = 3
"""Arrays as large as the maps of a layer: scores, probabilities, and what a visitor is shown."""

Splice = Callable[[int, NDArray[np.float32]], NDArray[np.float32]]
Computed = TypeVar("Computed")


class Network:
    """A loaded encoder on one device. Everything it returns is float32 and free of special and padding tokens."""

    def __init__(self, entry: Entry, model: nn.Module, reader: TokenReader, device: torch.device, dtype: str) -> None:
        architecture = entry.architecture
        self.name = entry.name
        self.entry = entry
        self.reader = reader
        self.pad_to = architecture.pad_to
        self.device = device
        self.low_precision = dtype == "bfloat16"
        self.model: Any = model  # Any: the library is not typed
        if self.low_precision:
            # autocast keeps norms, softmax and position codes in float32: bfloat16 cannot count beyond 256
            for module in self.model.modules():
                if isinstance(module, nn.Linear):
                    module.to(torch.bfloat16)
        self.model.to(device)  # converted before: a GPU never has to hold both
        self.encoder = self.model.get_submodule(architecture.encoder)
        self.blocks = list(self.model.get_submodule(architecture.blocks).children())
        path = architecture.attention
        self.attentions = [block.get_submodule(path) for block in self.blocks] if path else []
        last = self.model.get_submodule(architecture.final_norm) if architecture.final_norm else self.blocks[-1]
        self.sites = [self.model.get_submodule(architecture.embeddings), *self.blocks[:-1], last]
        self.fault_of_head: str | None = None
        """Why the head that the architecture has is not to be used."""
        if architecture.lm_head:
            steps = [self.model.get_submodule(name) for name in architecture.lm_head.split()]
            head = steps[0] if len(steps) == 1 else nn.Sequential(*steps)
            self._head = LanguageModelHead(architecture, head, reader)
        self.leading = [reader.special(token) for token in architecture.leading]
        self.trailing = [reader.special(token) for token in architecture.trailing]
        self.offset = len(self.leading)
        self._memory = MemoryBudget(lambda: free_on(self.device))
        self.tokens_per_batch: int | None = None
        """In place of what the device is given otherwise; maps take the square of it in cells."""

    @classmethod
    def build(cls, entry: Entry, folder: Path | None, initialisation: int, device: str, dtype: str) -> Network:
        """Weights from ``folder``, or random ones, on ``device``."""
        place = device_named(device)
        try:
            model = random_network(entry, initialisation) if folder is None else trained_network(entry, folder)
            # while tied tensors are one: in low precision they become two
            fault = None if folder is None else fault_of_head(entry, folder, model)
            network = cls(entry, model, token_reader(entry, folder), place, dtype)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            raise HarnessError(f"the weights of {entry.name} do not fit into the memory of {place}") from error
        network.fault_of_head = fault
        return network

    @property
    def head(self) -> LanguageModelHead:
        """Raises InputError where the weights hold only a part of it."""
        if self.fault_of_head is not None:
            raise InputError(self.fault_of_head)
        return self._head

    def hidden_states(
        self, sequences: Sequence[str], layers: Mapping[int, int], leading: bool = False
    ) -> Iterator[tuple[int, dict[int, NDArray[np.float32]]]]:
        """``layers`` maps the numbers as asked for to layers from 0 to the number of blocks.

        With ``leading`` the special token just before the nucleotides comes first.
        """
        top = max(layers.values(), default=0)

        def compute(part: Sequence[int]) -> tuple[list[Pieces], dict[int, NDArray[np.float32]]]:
            captured: dict[int, Tensor] = {}

            def recorder(layer: int) -> Hook:
                def record(module: nn.Module, arguments: Any, output: Any) -> None:
                    captured[layer] = hidden_of(output)
                    if layer == top:
                        raise Enough

                return record

            pieces = [self.reader.read(sequences[i]) for i in part]
            self._forward(pieces, {self.sites[layer]: [recorder(layer)] for layer in set(layers.values())})
            return pieces, {layer: to_numpy(hidden) for layer, hidden in captured.items()}

        if not layers:
            return
        for part, (pieces, states) in self._batches(sequences, compute, captured=len(set(layers.values()))):
            for row, index in enumerate(part):
                span = self._span(pieces[row])
                found = {layer: pieces[row].spread(hidden[row, span]) for layer, hidden in states.items()}
                if leading:
                    first = slice(span.start - 1, span.start)
                    found = {layer: np.concatenate([states[layer][row, first], own]) for layer, own in found.items()}
                yield index, {asked: found[layer] for asked, layer in layers.items()}

    def last_states(self, sequences: Sequence[str]) -> list[Tensor]:
        """(length, width) float32 of the last layer, in one batch; with gradients where PyTorch keeps any."""
        pieces = [self.reader.read(sequence) for sequence in sequences]
        tokens, visible = self._tokens(pieces, None)
        captured: list[Tensor] = []
        self.model.config._attn_implementation = "sdpa"
        hook = self.sites[-1].register_forward_hook(last_recorder(captured))
        try:
            with suppress(Enough), torch.autocast(self.device.type, torch.bfloat16, enabled=self.low_precision):
                self.encoder(tokens, attention_mask=visible)
        finally:
            hook.remove()
        rows = [captured[0][row, self._span(own)].float() for row, own in enumerate(pieces)]
        return [
            row if own.single else torch.from_numpy(own.coverage).to(row) @ row
            for row, own in zip(rows, pieces, strict=True)
        ]

    def visit_attention(
        self,
        sequences: Sequence[str],
        visit: Callable[[int, int, NDArray[np.float32]], None],
        special: bool = False,
    ) -> None:
        """With ``special`` the columns of special tokens follow those of the nucleotides, so that rows sum to 1."""
        visited: set[tuple[int, int]] = set()  # a batch that is halved in its middle repeats no visit

        def compute(part: Sequence[int]) -> None:
            pieces = [self.reader.read(sequences[i]) for i in part]

            def visitor(layer: int) -> Hook:
                def show(module: nn.Module, arguments: Any, output: Any) -> None:
                    maps = output[-1]
                    if maps is None:
                        raise HarnessError(f"{self.name} returned no attention maps: its kernel is not 'eager'")
                    if maps.numel() >= _LARGE_MAPS:
                        release_freed_memory()
                    for row, index in enumerate(part):
                        if (index, layer) not in visited:
                            cut = self._nucleotide_maps(maps[row], pieces[row], special)
                            visited.add((index, layer))
                            with visiting():
                                visit(index, layer, cut)
                    if layer == len(self.blocks):
                        raise Enough

                return show

            hooks = {module: [visitor(layer)] for layer, module in enumerate(self.attentions, start=1)}
            self._forward(pieces, hooks, kernel="eager")

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

        def compute(part: Sequence[int]) -> list[NDArray[np.float32]]:
            pieces = [self.reader.read(sequences[i]) for i in part]
            masked = [MaskedTokens(own, positions[i]) for own, i in zip(pieces, part, strict=True)]
            captured: list[Tensor] = []
            hooks: dict[nn.Module, list[Hook]] = {self.sites[-1]: [last_recorder(captured)]}
            if layer is not None and function is not None:
                hooks.setdefault(self.sites[layer], []).insert(0, self._splicer(pieces, part, function))
            self._forward(pieces, hooks, masked=masked)
            rows = np.repeat(np.arange(len(part)), [len(own.tokens) for own in masked])
            columns = np.concatenate([own.tokens for own in masked]) + self.offset
            with self._precision():
                marginals = self.head.marginals(
                    captured[0][rows, columns], np.concatenate([own.widths for own in masked])
                )
            return [own.log_probs(marginals[rows == row]) for row, own in enumerate(masked)]

        for part, values in self._batches(sequences, compute):
            yield from zip(part, values, strict=True)

    def unmasked_log_probs(self, sequences: Sequence[str]) -> Iterator[tuple[int, NDArray[np.float32]]]:
        def compute(part: Sequence[int]) -> list[NDArray[np.float32]]:
            pieces = [self.reader.read(sequences[i]) for i in part]
            captured: list[Tensor] = []
            self._forward(pieces, {self.sites[-1]: [last_recorder(captured)]})
            with self._precision():
                rows = (captured[0][row, self._span(own)] for row, own in enumerate(pieces))
                return [self.head.every_position(hidden, own) for hidden, own in zip(rows, pieces, strict=True)]

        for part, values in self._batches(sequences, compute):
            yield from zip(part, values, strict=True)

    def causal_log_probs(self, sequences: Sequence[str]) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """For models of single nucleotides; the first row is uniform where no special token leads."""

        def compute(part: Sequence[int]) -> list[NDArray[np.float32]]:
            pieces = [self.reader.read(sequences[i]) for i in part]
            captured: list[Tensor] = []
            self._forward(pieces, {self.sites[-1]: [last_recorder(captured)]})
            found = []
            for row, own in enumerate(pieces):
                span = self._span(own)
                with self._precision():
                    values = to_numpy(self.head.log_probs(captured[0][row, max(span.start - 1, 0) : span.stop - 1]))
                first = np.full((own.length - len(values), 4), -np.log(4), dtype=np.float32)
                found.append(np.concatenate([first, values]))
            return found

        for part, values in self._batches(sequences, compute):
            yield from zip(part, values, strict=True)

    def _nucleotide_maps(self, maps: Tensor, pieces: Pieces, special: bool) -> NDArray[np.float32]:
        """(heads, tokens, tokens) to (heads, nucleotides, nucleotides); with ``special``, more columns."""
        span = self._span(pieces)
        own = maps[:, span, span]
        width = self.pad_to or span.stop + len(self.trailing)
        others = torch.cat([maps[:, span, : span.start], maps[:, span, span.stop : width]], dim=-1)
        if not pieces.single:
            coverage, reading = (torch.from_numpy(m).to(self.device) for m in (pieces.coverage, pieces.reading))
            with torch.autocast(self.device.type, enabled=False):
                own, others = coverage @ own.float() @ reading, coverage @ others.float()
        return to_numpy(torch.cat([own, others], dim=-1) if special else own.contiguous())

    def _splicer(self, pieces: Sequence[Pieces], part: Sequence[int], function: Splice) -> Hook:
        """A hook that puts what ``function`` returns in the place of the nucleotides' hidden states."""

        def splice(module: nn.Module, arguments: Any, output: Any) -> Any:
            hidden = hidden_of(output).clone()
            for row, index in enumerate(part):
                span = self._span(pieces[row])
                before = to_numpy(hidden[row, span].clone())
                with visiting():
                    after = np.asarray(function(index, before))
                    if after.shape != before.shape:
                        raise ValueError(f"a replacement of shape {after.shape} for {before.shape}")
                hidden[row, span] = torch.as_tensor(after).to(hidden)
            return (hidden, *output[1:]) if isinstance(output, tuple) else hidden

        return splice

    def _span(self, pieces: Pieces) -> slice:
        return slice(self.offset, self.offset + len(pieces.ids))

    def _tokens(self, pieces: Sequence[Pieces], masked: Sequence[MaskedTokens] | None) -> tuple[Tensor, Tensor]:
        special = len(self.leading) + len(self.trailing)
        lengths = np.array([len(own.ids) + special for own in pieces])
        width = self.pad_to or int(lengths.max())
        self._check_width(width)
        tokens = np.full((len(pieces), width), self.reader.special(self.reader.pad), dtype=np.int64)
        for row, own in enumerate(pieces):
            span = self._span(own)
            tokens[row, : span.start], tokens[row, span] = self.leading, own.ids
            tokens[row, span.stop : lengths[row]] = self.trailing
            if masked is not None:
                tokens[row, masked[row].tokens + self.offset] = self.reader.mask
        seen = width if self.pad_to else lengths[:, None]
        visible = (np.arange(width) < seen) & np.ones_like(tokens, dtype=bool)
        return torch.from_numpy(tokens).to(self.device), torch.from_numpy(visible.astype(np.int64)).to(self.device)

    def _check_width(self, width: int) -> None:
        """Positions run out before the model's limit in nucleotides where an N splits 6-mers into single letters."""
        if self.entry.own is not None and width > self.entry.own.longest:
            most = self.entry.own.longest
            raise InputError(f"a sequence makes {width} tokens, but {self.name} takes {most}: leave it out")
        config = self.model.config
        if (
            self.entry.own is None
            and self.entry.tokens.kind == "k-mer"
            and config.position_embedding_type == "absolute"
        ):
            most = config.max_position_embeddings - config.pad_token_id - 1
            if width > most:
                raise InputError(f"a sequence with N makes {width} tokens, but {self.name} takes {most}: leave it out")

    def _batches(
        self,
        sequences: Sequence[str],
        compute: Callable[[Sequence[int]], Computed],
        maps: bool = False,
        captured: int = 1,
    ) -> Iterator[tuple[Sequence[int], Computed]]:
        """``captured`` is the number of layers whose hidden states are kept at once.

        Raises:
            HarnessError: there is no memory for one of the sequences alone.
        """
        tokens = self.entry.tokens
        nucleotides = 1 if tokens.kind == "overlapping k-mer" else tokens.width
        lengths = [self.pad_to or len(sequence) // nucleotides + 1 for sequence in sequences]
        costs = [length**2 for length in lengths] if maps else lengths
        budget = (MAP_CELLS_PER_BATCH if maps else TOKENS_PER_BATCH)[self.device.type]
        budget = budget if maps else min(budget, STATES_PER_BATCH // (captured * self.entry.config["hidden_size"]))
        if self.tokens_per_batch is not None:
            budget = self.tokens_per_batch**2 if maps else self.tokens_per_batch
        longest = max(lengths, default=1)
        each = self._bytes_per_cell(longest) if maps else self._bytes_per_token(captured, longest)
        try:
            yield from self._memory.run((maps, captured), costs, budget, each, compute)
        except VisitorError as error:
            assert error.__cause__ is not None
            raise error.__cause__ from None
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            raise HarnessError(
                f"{self.name} has no memory left on {self.device} for one sequence of up to "
                f"{max(map(len, sequences)):,} nt: lower --set longest, or use a device with more memory"
            ) from error

    def _bytes_per_token(self, captured: int, longest: int) -> int:
        """Of a pass, roughly (docs/performance.md): what one block holds, what is kept of each layer on the device and
        off it, and the mask."""
        hidden = self.entry.config["hidden_size"]
        inner = self.entry.config.get("intermediate_size") or 4 * hidden
        return 4 * (hidden * (_STATES_IN_FLIGHT + 2 * captured) + 2 * inner + longest)

    def _bytes_per_cell(self, longest: int) -> int:
        """Of the maps of one layer, all heads together, and of the pass."""
        return 4 * _MAPS_IN_FLIGHT * (self.entry.card.heads or 1) + self._bytes_per_token(0, longest) // longest

    def _forward(
        self,
        pieces: Sequence[Pieces],
        hooks: Mapping[nn.Module, Sequence[Hook]],
        kernel: str = "sdpa",
        masked: Sequence[MaskedTokens] | None = None,
    ) -> None:
        tokens, visible = self._tokens(pieces, masked)
        # the modules read the kernel from the configuration they share, at every pass
        self.model.config._attn_implementation = kernel
        with ExitStack() as stack, self._precision():
            for module, functions in hooks.items():
                for function in functions:
                    stack.callback(module.register_forward_hook(function).remove)
            with suppress(Enough):
                self.encoder(tokens, attention_mask=visible)

    @contextmanager
    def _precision(self) -> Iterator[None]:
        with torch.inference_mode(), torch.autocast(self.device.type, torch.bfloat16, enabled=self.low_precision):
            yield
