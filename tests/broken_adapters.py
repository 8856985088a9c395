"""For every law an adapter that breaks exactly it: a sound one with one fault. A plugin too, for ``harness check``."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any

import numpy as np

from harness.adapter import ModelOptions, Replacement
from harness.errors import InputError
from tests.sound_adapters import HEADS, LAYERS, LETTERS, WIDTH, Codons, Floats, KMers, Sound, drawn, log_softmax


class WithoutReplacement(Sound):
    """So that its faults are no faults of replacement too."""

    def __init__(self, options: ModelOptions, initialisation: int | None = None) -> None:
        super().__init__(options, initialisation)
        kept = self.card.capabilities - {"replace_hidden"}
        self.card = self.card.model_copy(update={"capabilities": kept})


class MaskedOnly(Sound):
    """So that its faults are no faults of predictions without a mask too."""

    def __init__(self, options: ModelOptions, initialisation: int | None = None) -> None:
        super().__init__(options, initialisation)
        kept = self.card.capabilities - {"unmasked_log_probs"}
        self.card = self.card.model_copy(update={"capabilities": kept})


class ReadsGAsA(Sound):
    def codes(self, sequence: str) -> list[int]:
        return super().codes(sequence.replace("G", "A"))


class KeepsEnd(Sound):
    """Forgets to cut a special token off the pair scores."""

    def pair_scores(self, sequences: Sequence[str]) -> Iterator[tuple[int, Floats]]:
        for index, scores in super().pair_scores(sequences):
            yield index, np.pad(scores, (0, 1))


class RefusesN(Sound):
    """Refuses N, and its card does not say so."""

    def codes(self, sequence: str) -> list[int]:
        if "N" in sequence:
            raise InputError("no N please")
        return super().codes(sequence)


class CutsLongSequences(Sound):
    def check_lengths(self, sequences: Sequence[str]) -> None:
        pass


class OffByOne(KMers):
    """Gives a nucleotide the 3-mer that starts there instead of the mean of those that cover it."""

    def embed(self, codes: Sequence[int]) -> Floats:
        letters = self.embedding[list(codes)]
        last = len(codes) - 3
        firsts = [min(position, last) for position in range(len(codes))]
        return np.stack([letters[s] + 2 * letters[s + 1] + 3 * letters[s + 2] for s in firsts]).astype(np.float32)


class WrongWidth(Sound):
    def __init__(self, options: ModelOptions, initialisation: int | None = None) -> None:
        super().__init__(options, initialisation)
        self.card = self.card.model_copy(update={"width": WIDTH + 1})


class WrongHeads(Sound):
    def __init__(self, options: ModelOptions, initialisation: int | None = None) -> None:
        super().__init__(options, initialisation)
        self.card = self.card.model_copy(update={"heads": HEADS + 1})


class ForgetsALayer(Sound):
    def visit_attention(self, sequences: Sequence[str], visit: Callable[[int, int, Floats], None]) -> None:
        super().visit_attention(sequences, lambda i, layer, maps: visit(i, layer, maps) if layer < LAYERS else None)


class NotANumber(Sound):
    """Overflows on longer sequences."""

    def pair_scores(self, sequences: Sequence[str]) -> Iterator[tuple[int, Floats]]:
        for index, scores in super().pair_scores(sequences):
            yield index, scores if len(scores) < 100 else scores * np.float32(np.nan)


class KeepsRoundedAnswers(Sound):
    """Keeps its last answer with three digits, and hands it back when the same input comes again."""

    last: tuple[Any, Floats] = ((), np.empty(0, np.float32))

    def similarity(self, pairs: Sequence[tuple[str, str]]) -> Floats:
        if self.last[0] == tuple(pairs):
            return self.last[1]
        values = super().similarity(pairs)
        self.last = tuple(pairs), values.round(3)
        return values


class MixesUpOrder(Sound):
    """Sorts by length and hands the vectors back in sorted order."""

    def sequence_vectors(self, sequences: Sequence[str]) -> Floats:
        return super().sequence_vectors(sorted(sequences, key=len, reverse=True))


class SeesPadding(Sound):
    def sequence_vectors(self, sequences: Sequence[str]) -> Floats:
        longest = max(map(len, sequences))
        padded = np.array([longest - len(sequence) for sequence in sequences], np.float32)
        return super().sequence_vectors(sequences) + 0.01 * padded[:, None]


class DependsOnBudget(Sound):
    def hidden_states(self, sequences: Sequence[str], layers: Sequence[int]) -> Iterator[tuple[int, dict[int, Floats]]]:
        for index, states in super().hidden_states(sequences, layers):
            yield index, {layer: array + np.float32(self.batches > 1) for layer, array in states.items()}

    def hidden_states_with_leading(
        self, sequences: Sequence[str], layers: Sequence[int]
    ) -> Iterator[tuple[int, dict[int, Floats]]]:
        list(self.batched(sequences))
        yield from super().hidden_states_with_leading(sequences, layers)


class NormsEarlyExit(Sound):
    """Takes the layer it stops at for the last one, and so puts it through the final norm."""

    def hidden_states(self, sequences: Sequence[str], layers: Sequence[int]) -> Iterator[tuple[int, dict[int, Floats]]]:
        top = max(self.resolve_layer(layer) for layer in layers)
        for index, states in super().hidden_states(sequences, layers):
            yield index, {k: v * 2 if 0 < self.resolve_layer(k) == top < LAYERS else v for k, v in states.items()}


class LeadingWithoutNorm(Sound):
    def hidden_states_with_leading(
        self, sequences: Sequence[str], layers: Sequence[int]
    ) -> Iterator[tuple[int, dict[int, Floats]]]:
        for index, states in super().hidden_states_with_leading(sequences, layers):
            yield index, {layer: 2 * array for layer, array in states.items()}


class NoSoftmax(Sound):
    def visit_attention(self, sequences: Sequence[str], visit: Callable[[int, int, Floats], None]) -> None:
        super().visit_attention(sequences, lambda index, layer, maps: visit(index, layer, maps * 50))


class LosesAttention(Sound):
    """Spreads tokens over nucleotides so that a part of every row is lost."""

    def visit_attention_with_special(self, sequences: Sequence[str], visit: Callable[[int, int, Floats], None]) -> None:
        super().visit_attention_with_special(sequences, lambda index, layer, maps: visit(index, layer, maps * 0.9))


class Unnormalised(MaskedOnly):
    def log_probs(self, *arguments: Any, **options: Any) -> Iterator[tuple[int, Floats]]:
        for index, values in super().log_probs(*arguments, **options):
            yield index, values - np.float32(0.1)


class MasksNothing(Sound):
    def masked(self, codes: list[int], positions: Sequence[int]) -> list[int]:
        return codes


class MasksAllTheSame(Sound):
    """Its predictions without a mask are those under one."""

    def unmasked_log_probs(self, sequences: Sequence[str]) -> Iterator[tuple[int, Floats]]:
        yield from self.log_probs(sequences, [range(len(sequence)) for sequence in sequences])


class SeesTheFuture(Sound):
    def seen_before(self, codes: Sequence[int]) -> Floats:
        return super().seen_before(codes) + self.embed(codes)


class IgnoresReplacement(Sound):
    def log_probs(
        self, sequences: Sequence[str], positions: Sequence[Sequence[int]], replacement: Replacement | None = None
    ) -> Iterator[tuple[int, Floats]]:
        yield from super().log_probs(sequences, positions)


class OneSidedPairs(Sound):
    def pair_scores(self, sequences: Sequence[str]) -> Iterator[tuple[int, Floats]]:
        for index, scores in super().pair_scores(sequences):
            yield index, np.triu(scores)


class OneSidedSimilarity(Sound):
    def compare(self, first: Floats, second: Floats) -> float:
        return float(first @ (second + 1))


class PhonesHome(Sound):
    def load(self, device: str = "cpu") -> None:
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", 9), timeout=0.1).close()


class SwitchesGradientsOff(Sound):
    def load(self, device: str = "cpu") -> None:
        import torch

        torch.set_grad_enabled(False)


class DoublePrecision(Sound):
    def sequence_vectors(self, sequences: Sequence[str]) -> Any:
        return super().sequence_vectors(sequences).astype(np.float64)


class OverflowsInLowPrecision(Sound):
    def compare(self, first: Floats, second: Floats) -> float:
        return float("inf") if self.options.dtype == "bfloat16" else super().compare(first, second)


class IdentityWithoutFormat(Sound):
    def facts(self) -> list[object]:
        return super().facts()[:-1]


class IdentityByChance(Sound):
    def facts(self) -> list[object]:
        return [*super().facts(), id(self)]


class TwinsShareIdentity(Sound):
    def facts(self) -> list[object]:
        return super().facts() if self.initialisation is None else ["random", self.options.dtype]


class TwinIsTheModel(Sound):
    def weights(self) -> dict[str, Floats]:
        return drawn(0) if self.initialisation is not None else super().weights()


class OneTwinOnly(Sound):
    """Takes no notice of which initialisation is asked for."""

    def weights(self) -> dict[str, Floats]:
        return drawn(1) if self.initialisation is not None else super().weights()


class IgnoresWeights(Sound):
    def weights(self) -> dict[str, Floats]:
        return drawn(0) if self.initialisation is None else super().weights()


class IdentityByName(Sound):
    """The same identity whatever the weights."""

    def facts(self) -> list[object]:
        return ["sound", self.initialisation, self.vocabulary(), self.options.dtype]


class IdentityByPath(Sound):
    def facts(self) -> list[object]:
        return [*super().facts(), str(self.weights_folder())]


class OwnVocabularyOrder(Sound):
    """Numbers letters by a list of its own, whatever the tokenizer's file says."""

    def vocabulary(self) -> list[str]:
        return [*LETTERS, "<mask>", "<start>"]


class KeepsSpecialTokens(Sound):
    """Forgets to cut a special token off the hidden states at both ends."""

    def hidden_states(self, sequences: Sequence[str], layers: Sequence[int]) -> Iterator[tuple[int, dict[int, Floats]]]:
        for index, states in super().hidden_states(sequences, layers):
            yield index, {layer: np.pad(array, ((1, 1), (0, 0))) for layer, array in states.items()}


class ShiftsUpperLayers(WithoutReplacement):
    def hidden_states(self, sequences: Sequence[str], layers: Sequence[int]) -> Iterator[tuple[int, dict[int, Floats]]]:
        for index, states in super().hidden_states(sequences, layers):
            yield index, {k: np.roll(v, 1, axis=0) if self.resolve_layer(k) else v for k, v in states.items()}

    def hidden_states_with_leading(
        self, sequences: Sequence[str], layers: Sequence[int]
    ) -> Iterator[tuple[int, dict[int, Floats]]]:
        for index, states in super().hidden_states_with_leading(sequences, layers):
            yield index, {k: np.concatenate([v[:1], np.roll(v[1:], 1, axis=0)]) for k, v in states.items()}


class ShiftsUpperCodons(ShiftsUpperLayers, Codons):
    """By a nucleotide, which leaves two of three rows where they were."""


class NumbersLayersTooHigh(WithoutReplacement):
    """Layer i is the one below, and layer 0 the embedding all the same."""

    def resolve_layer(self, layer: int) -> int:
        return max(0, super().resolve_layer(layer) - 1)


class SkipsTheLastBlock(MaskedOnly):
    """Splices in before the last block what is meant for after it."""

    def forward(
        self, codes: Sequence[int], replacement: Replacement | None = None, index: int = 0
    ) -> tuple[list[Floats], list[Floats]]:
        if replacement is not None and replacement.layer == LAYERS:
            replacement = Replacement(LAYERS - 1, replacement.function)
        return super().forward(codes, replacement, index)


class HeadSeesMore(MaskedOnly):
    """Its head reads the embedding beside the last layer."""

    def log_probs(
        self, sequences: Sequence[str], positions: Sequence[Sequence[int]], replacement: Replacement | None = None
    ) -> Iterator[tuple[int, Floats]]:
        for index, values in super().log_probs(sequences, positions, replacement):
            bare = self.embedding[self.masked(self.codes(sequences[index]), positions[index])]
            logits = values + bare.mean(axis=0) @ self.head
            yield index, log_softmax(logits)


class ShiftsColumns(Sound):
    axes: tuple[int, ...] = (2,)

    def visit_attention(self, sequences: Sequence[str], visit: Callable[[int, int, Floats], None]) -> None:
        super().visit_attention(
            sequences, lambda i, layer, maps: visit(i, layer, np.roll(maps, [1] * len(self.axes), self.axes))
        )


class ShiftsRows(ShiftsColumns):
    axes = (1,)


class ShiftsMaps(ShiftsColumns):
    axes = (1, 2)


class ShiftsCodonMaps(ShiftsMaps, Codons):
    pass


class FillsWithZeros(Sound):
    """Reads no more than 250 nucleotides, and says nothing of the rest."""

    def hidden_states(self, sequences: Sequence[str], layers: Sequence[int]) -> Iterator[tuple[int, dict[int, Floats]]]:
        for index, states in super().hidden_states(sequences, layers):
            yield index, {k: np.where(np.arange(len(v))[:, None] < 250, v, np.float32(0)) for k, v in states.items()}


class RunsOutOfPositions(Sound):
    """Breaks down beyond 250 nucleotides, where its card allows 300."""

    def codes(self, sequence: str) -> list[int]:
        if len(sequence) > 250:
            raise IndexError("index out of range in self")
        return super().codes(sequence)


BROKEN = [
    ("letters-distinct", ReadsGAsA),
    ("length", KeepsEnd),
    ("length", KeepsSpecialTokens),
    ("unknown-letter", RefusesN),
    ("lengths-refused", CutsLongSequences),
    ("longest", FillsWithZeros),
    ("longest", RunsOutOfPositions),
    ("coverage", OffByOne),
    ("width", WrongWidth),
    ("layers", ForgetsALayer),
    ("heads", WrongHeads),
    ("finite", NotANumber),
    ("same-twice", KeepsRoundedAnswers),
    ("order", MixesUpOrder),
    ("alone-or-padded", SeesPadding),
    ("batch-budget", DependsOnBudget),
    ("early-exit", NormsEarlyExit),
    ("leading", LeadingWithoutNorm),
    ("attention-rows", NoSoftmax),
    ("attention-rows", LosesAttention),
    ("hidden-place", ShiftsUpperLayers),
    ("hidden-place", ShiftsUpperCodons),
    ("context", NumbersLayersTooHigh),
    ("attention-place", ShiftsColumns),
    ("attention-place", ShiftsRows),
    ("attention-place", ShiftsMaps),
    ("attention-place", ShiftsCodonMaps),
    ("normalised", Unnormalised),
    ("mask-hides", MasksNothing),
    ("unmasked", MasksAllTheSame),
    ("causal", SeesTheFuture),
    ("replacement", IgnoresReplacement),
    ("last-layer", SkipsTheLastBlock),
    ("last-layer", HeadSeesMore),
    ("pairs-symmetric", OneSidedPairs),
    ("similarity-symmetric", OneSidedSimilarity),
    ("offline", PhonesHome),
    ("no-gradient", SwitchesGradientsOff),
    ("no-gradient", DoublePrecision),
    ("bfloat16", OverflowsInLowPrecision),
    ("identity", IdentityWithoutFormat),
    ("identity", IdentityByChance),
    ("random-twin", TwinsShareIdentity),
    ("random-twin", TwinIsTheModel),
    ("random-twin", OneTwinOnly),
    ("weights-read", IgnoresWeights),
    ("weights-read", IdentityByName),
    ("weights-read", IdentityByPath),
    ("vocabulary-read", OwnVocabularyOrder),
]
MODELS = {"sound": Sound, "sees-padding": SeesPadding}
