"""Scores of every feature source on every scored sequence, from one pass of a model over them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from harness.activations.reader import known_positions
from harness.adapter import ModelAdapter, Role
from harness.sequences.alignment import ModelInput, sequence_of
from tasks.sae.aggregate import HEADLINES, MEAN, SequenceScores, window_start
from tasks.sae.concepts.membership import Integers
from tasks.sae.sources.base import FeatureSource, LetterSource, StateSource

States = Mapping[int, NDArray[np.float32]]
"""Layer -> (rows, width) float32."""


@dataclass
class ScoredSource:
    """One source at one layer and seed, with its scores on the scored sequences.

    ``layer`` and ``seed`` are None where the source has none. ``headline`` are the aggregations whose scores are the
    candidates; those of ``always`` are among them whatever the first is.
    """

    source: FeatureSource
    layer: int | None
    seed: int | None
    scores: SequenceScores
    headline: tuple[str, ...] = (MEAN,)
    always: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.source.name

    @property
    def role(self) -> Role:
        return self.source.role

    def scored_by(self, aggregation: str) -> Self:
        """The same with this aggregation as its headline."""
        return replace(self, headline=tuple(dict.fromkeys((aggregation, *self.always))))

    def matrix(self, rows: Integers, aggregation: str | None = None) -> NDArray[np.float32]:
        """(rows, candidates) scores, of the headline or of one aggregation."""
        names = self.headline if aggregation is None else (aggregation,)
        return np.hstack([self.scores.get(name, rows) for name in names])

    def feature_name(self, candidate: int) -> str:
        part, feature = divmod(candidate, self.source.features)
        suffix = f" ({self.headline[part]})" if part else ""
        return self.source.feature_name(feature) + suffix


@dataclass
class StateScores(ScoredSource):
    """Of a source that reads the hidden states of a layer."""

    source: StateSource
    layer: int


@dataclass
class Scorer:
    """What to score: names, what a model reads of each (sequences, or alignments), windows, and the passes over them.

    Hidden states and codes have no row for an N: it is taken out here, once for all sources.
    """

    names: Sequence[str]
    inputs: Sequence[ModelInput]
    window: int
    sequences: list[str] = field(init=False)
    _windows: list[slice] = field(init=False)
    _known: list[NDArray[np.int64]] = field(init=False)

    def __post_init__(self) -> None:
        self.sequences = [sequence_of(given) for given in self.inputs]
        self._known = [known_positions(sequence) for sequence in self.sequences]
        self._windows = []
        for name, sequence, known in zip(self.names, self.sequences, self._known, strict=True):
            start = window_start(name, len(sequence), self.window)
            # rows of a code are the nucleotides that are not N
            first, last = np.searchsorted(known, [start, start + self.window])
            self._windows.append(slice(int(first), int(last)))

    def prepare(
        self, source: StateSource, layer: int, seed: int | None, aggregations: Sequence[str] = HEADLINES
    ) -> StateScores:
        """Room for the scores of one source, to be filled by :meth:`score_model_sources`."""
        scores = SequenceScores(len(self.sequences), source.features, aggregations)
        return StateScores(source, layer, seed, scores)

    def score_letter_source(self, source: LetterSource, aggregations: Sequence[str] = HEADLINES) -> ScoredSource:
        """A source that needs no model. Frequencies over the whole sequence are always among its candidates: whether a
        k-mer is present in a window says less."""
        scores = SequenceScores(len(self.sequences), source.features, {MEAN, *aggregations})
        for index, sequence in enumerate(self.sequences):
            scores.put(index, source.encode(sequence)[self._known[index]], self._windows[index])
        return ScoredSource(source, None, None, scores, always=(MEAN,))

    def score_model_sources(
        self,
        model: ModelAdapter,
        layers: Sequence[int],
        scored: Sequence[StateScores],
        advance: Callable[[int], None],
        observe: Callable[[int, States], None] | None = None,
    ) -> States:
        """Run the model once and fill the scores of all its sources.

        Args:
            observe: called as observe(index, states) with the states of every sequence, for whatever else is to be
                measured in the same pass.

        Returns:
            Per layer the mean hidden state of every sequence, (sequences, width) float32: what a dense probe reads.
        """
        means: dict[int, NDArray[np.float32]] = {}
        given: Any = self.inputs
        for done, (index, states) in enumerate(model.hidden_states(given, layers), 1):
            hidden = {layer: states[layer][self._known[index]] for layer in layers}
            for layer in layers:
                if layer not in means:
                    means[layer] = np.zeros((len(self.sequences), hidden[layer].shape[1]), dtype=np.float32)
                means[layer][index] = hidden[layer].mean(axis=0)
            for entry in scored:
                entry.scores.put(index, entry.source.encode(hidden[entry.layer]), self._windows[index])
            if observe is not None:
                observe(index, hidden)
            advance(done)
        return means
