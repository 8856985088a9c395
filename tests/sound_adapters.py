"""A small sound adapter with every capability, and two whose tokens are coarser than a nucleotide."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from harness.adapter import Capability, ModelAdapter, ModelCard, ModelOptions, Replacement
from harness.compute.batching import token_budget_batches
from harness.errors import InputError
from harness.storage.weights import weights_digest

LAYERS, HEADS, WIDTH = 4, 2, 8
LETTERS = "ACGUN"
MASK, START = 5, 6
CAPABILITIES: frozenset[Capability] = frozenset(get_args(Capability)) - {"alignment"}
Floats = NDArray[np.float32]


def drawn(initialisation: int) -> dict[str, Floats]:
    chance = np.random.default_rng(initialisation)
    shapes = {"embedding": (7, WIDTH), "mixing": (LAYERS, WIDTH, WIDTH), "head": (WIDTH, 4)}
    scales = {"embedding": 1, "mixing": 2, "head": 1}
    return {name: (chance.normal(size=shape) / scales[name]).astype(np.float32) for name, shape in shapes.items()}


@cache
def _trained() -> tempfile.TemporaryDirectory[str]:
    from safetensors.numpy import save_file

    folder = tempfile.TemporaryDirectory()  # kept in the cache: it goes with the process
    save_file(drawn(0), Path(folder.name) / "model.safetensors")
    (Path(folder.name) / "config.json").write_text("{}", encoding="utf-8")
    (Path(folder.name) / "vocab.txt").write_text("\n".join((*LETTERS, "<mask>", "<start>")), encoding="utf-8")
    return folder


class Sound(ModelAdapter):
    """A tiny network in numpy: every nucleotide reads all others through two attention heads, position by position."""

    def __init__(self, options: ModelOptions, initialisation: int | None = None) -> None:
        self.options, self.initialisation = options, initialisation
        self.tokens_per_batch: int | None = None
        self.batches = 0
        self.card = ModelCard(
            name="sound",
            summary="sound in every respect",
            role="model" if initialisation is None else "floor",
            architecture="numpy",
            capabilities=CAPABILITIES,
            layers=LAYERS,
            heads=HEADS,
            width=WIDTH,
            max_length=300,
        )
        weights = {name: self._rounded(values) for name, values in self.weights().items()}
        self.embedding, self.mixing, self.head = weights["embedding"], weights["mixing"], weights["head"]

    def weights(self) -> dict[str, Floats]:
        from safetensors.numpy import load_file

        if self.initialisation is not None:
            return drawn(self.initialisation + 1)  # the trained ones are 0
        weights: dict[str, Floats] = load_file(self.weights_folder() / "model.safetensors")
        return weights

    def weights_folder(self) -> Path:
        return self.options.weights or Path(_trained().name)

    def vocabulary(self) -> list[str]:
        return (self.weights_folder() / "vocab.txt").read_text(encoding="utf-8").split()

    def _rounded(self, weights: Any) -> Floats:
        digits = 3 if self.options.dtype == "bfloat16" else 12
        return np.round(weights, digits).astype(np.float32)

    def facts(self) -> list[object]:
        weights = weights_digest(self.weights_folder()) if self.initialisation is None else self.initialisation
        return ["sound", weights, self.vocabulary(), self.options.dtype]

    def identity(self) -> str:
        return hashlib.sha256(json.dumps(self.facts()).encode()).hexdigest()

    def random_twin(self, initialisation: int = 0) -> ModelAdapter:
        own = -1 if self.initialisation is None else self.initialisation
        return type(self)(self.options, own + 1 + initialisation)

    def codes(self, sequence: str) -> list[int]:
        if foreign := set(sequence) - set(LETTERS):
            raise InputError(f"{foreign} is not of {LETTERS}")
        vocabulary = self.vocabulary()
        return [vocabulary.index(letter) for letter in sequence]

    def embed(self, codes: Sequence[int]) -> Floats:
        vectors: Floats = self.embedding[list(codes)]
        return vectors

    def block(self, hidden: Floats, layer: int) -> tuple[Floats, Floats]:
        """Hidden states of block ``layer`` (from 1) and its attention, the leading special token included."""
        halves = hidden.reshape(len(hidden), HEADS, -1).swapaxes(0, 1)
        scores = np.exp(halves @ halves.swapaxes(1, 2) / 8)
        maps = scores / scores.sum(axis=2, keepdims=True)
        mixed = (maps @ halves).swapaxes(0, 1).reshape(hidden.shape)
        return np.tanh((hidden + mixed) @ self.mixing[layer - 1]).astype(np.float32), maps.astype(np.float32)

    def forward(
        self, codes: Sequence[int], replacement: Replacement | None = None, index: int = 0
    ) -> tuple[list[Floats], list[Floats]]:
        states, all_maps = [np.concatenate([self.embedding[[START]], self.embed(codes)])], []
        for layer in range(LAYERS + 1):
            if layer:
                hidden, maps = self.block(states[-1], layer)
                states.append(hidden)
                all_maps.append(maps)
            if replacement is not None and replacement.layer == layer:
                states[-1] = np.concatenate([states[-1][:1], replacement.function(index, states[-1][1:])])
        return states, all_maps

    def batched(self, sequences: Sequence[str]) -> Iterator[list[int]]:
        self.check_lengths(sequences)
        batches = token_budget_batches([len(sequence) for sequence in sequences], self.tokens_per_batch or 2**20)
        self.batches = len(batches)
        yield from batches

    def hidden_states(self, sequences: Sequence[str], layers: Sequence[int]) -> Iterator[tuple[int, dict[int, Floats]]]:
        wanted = {layer: self.resolve_layer(layer) for layer in layers}
        for batch in self.batched(sequences):
            for index in batch:
                states, _ = self.forward(self.codes(sequences[index]))
                yield index, {asked: states[layer][1:] for asked, layer in wanted.items()}

    def hidden_states_with_leading(
        self, sequences: Sequence[str], layers: Sequence[int]
    ) -> Iterator[tuple[int, dict[int, Floats]]]:
        for index, sequence in enumerate(sequences):
            states, _ = self.forward(self.codes(sequence))
            yield index, {layer: states[self.resolve_layer(layer)] for layer in layers}

    def visit_attention(self, sequences: Sequence[str], visit: Callable[[int, int, Floats], None]) -> None:
        self.check_lengths(sequences)
        for index, sequence in enumerate(sequences):
            for layer, maps in enumerate(self.forward(self.codes(sequence))[1], start=1):
                visit(index, layer, maps[:, 1:, 1:])

    def visit_attention_with_special(self, sequences: Sequence[str], visit: Callable[[int, int, Floats], None]) -> None:
        for index, sequence in enumerate(sequences):
            for layer, maps in enumerate(self.forward(self.codes(sequence))[1], start=1):
                visit(index, layer, np.roll(maps[:, 1:], -1, axis=2))

    def masked(self, codes: list[int], positions: Sequence[int]) -> list[int]:
        return [MASK if position in positions else code for position, code in enumerate(codes)]

    def log_probs(
        self, sequences: Sequence[str], positions: Sequence[Sequence[int]], replacement: Replacement | None = None
    ) -> Iterator[tuple[int, Floats]]:
        for index, sequence in enumerate(sequences):
            states, _ = self.forward(self.masked(self.codes(sequence), positions[index]), replacement, index)
            yield index, log_softmax(states[-1][1:][list(positions[index])] @ self.head)

    def unmasked_log_probs(self, sequences: Sequence[str]) -> Iterator[tuple[int, Floats]]:
        for index, sequence in enumerate(sequences):
            states, _ = self.forward(self.codes(sequence))
            yield index, log_softmax(states[-1][1:] @ self.head)

    def seen_before(self, codes: Sequence[int]) -> Floats:
        """For every position the mean of what stands before it, a leading special token included."""
        vectors = np.concatenate([self.embedding[[START]], self.embed(codes)])
        means: Floats = (np.cumsum(vectors, axis=0)[:-1] / np.arange(1, len(vectors))[:, None]).astype(np.float32)
        return means

    def causal_log_probs(self, sequences: Sequence[str]) -> Iterator[tuple[int, Floats]]:
        for index, sequence in enumerate(sequences):
            yield index, log_softmax(self.seen_before(self.codes(sequence)) @ self.head)

    def sequence_vectors(self, sequences: Sequence[str]) -> Floats:
        return np.stack([self.embed(self.codes(sequence)).mean(axis=0) for sequence in sequences])

    def pair_scores(self, sequences: Sequence[str]) -> Iterator[tuple[int, Floats]]:
        for index, sequence in enumerate(sequences):
            vectors = self.embed(self.codes(sequence))
            yield index, vectors @ vectors.T

    def similarity(self, pairs: Sequence[tuple[str, str]]) -> Floats:
        return np.array([self.compare(*self.sequence_vectors(pair)) for pair in pairs], np.float32)

    def compare(self, first: Floats, second: Floats) -> float:
        return float(first @ second)


def log_softmax(logits: Floats) -> Floats:
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return (shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))).astype(np.float32)


class KMers(Sound):
    """Overlapping 3-mers, or codons with ``stride`` 3: a nucleotide gets the mean of the tokens that cover it."""

    stride = 1

    def __init__(self, options: ModelOptions, initialisation: int | None = None) -> None:
        super().__init__(options, initialisation)
        codons = self.stride == 3
        self.card = self.card.model_copy(
            update={
                "capabilities": self.card.capabilities - {"causal_log_probs"},
                "tokenisation": "codon" if codons else "overlapping 3-mer",
                "resolution": "3 nt",
                "min_length": 3,
                "length_multiple": 3 if codons else 1,
            }
        )

    def embed(self, codes: Sequence[int]) -> Floats:
        letters = self.embedding[list(codes)]
        starts = range(0, len(codes) - 2, self.stride)
        tokens = np.stack([letters[start] + 2 * letters[start + 1] + 3 * letters[start + 2] for start in starts])
        covering = [[t for t, start in enumerate(starts) if start <= i < start + 3] for i in range(len(codes))]
        return np.stack([tokens[cover].mean(axis=0) for cover in covering]).astype(np.float32)


class Codons(KMers):
    stride = 3

    def masked(self, codes: list[int], positions: Sequence[int]) -> list[int]:
        covered = {position // 3 for position in positions}
        return [MASK if position // 3 in covered else code for position, code in enumerate(codes)]


HEALTHY = {"sound": Sound, "overlapping 3-mers": KMers, "codons": Codons}
