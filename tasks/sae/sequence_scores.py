"""Scores of every feature source on every scored sequence, from one pass of a model over them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from harness.activations.reader import known_positions
from harness.adapter import ModelAdapter, Role
from tasks.sae.aggregate import MEAN, WINDOW, SequenceScores, window_start
from tasks.sae.concepts.membership import Integers
from tasks.sae.sources.base import FeatureSource


@dataclass
class ScoredSource:
    """One source at one layer and seed, with its scores on the scored sequences.

    ``layer`` and ``seed`` are None where the source has none. The headline matrix is the window maximum; a source of
    k-mers adds their frequencies over the sequence, since presence alone would handicap it.
    """

    source: FeatureSource
    layer: int | None
    seed: int | None
    scores: SequenceScores
    headline: tuple[str, ...] = (WINDOW,)

    @property
    def name(self) -> str:
        return self.source.name

    @property
    def role(self) -> Role:
        return self.source.role

    def matrix(self, rows: Integers, aggregation: str | None = None) -> NDArray[np.float32]:
        """(rows, candidates) scores, of the headline or of one aggregation."""
        names = self.headline if aggregation is None else (aggregation,)
        return np.hstack([self.scores.get(name, rows) for name in names])

    def feature_name(self, candidate: int) -> str:
        part, feature = divmod(candidate, self.source.features)
        suffix = "" if self.headline[part] == WINDOW else f" ({self.headline[part]})"
        return self.source.feature_name(feature) + suffix


@dataclass
class Scorer:
    """The sequences to score, their windows, and the passes over them."""

    names: Sequence[str]
    sequences: Sequence[str]
    window: int
    _windows: list[slice] = field(init=False)
    _known: list[NDArray[np.int64]] = field(init=False)

    def __post_init__(self) -> None:
        self._known = [known_positions(sequence) for sequence in self.sequences]
        self._windows = []
        for name, sequence, known in zip(self.names, self.sequences, self._known, strict=True):
            start = window_start(name, len(sequence), self.window)
            # rows of a code are the nucleotides that are not N
            first, last = np.searchsorted(known, [start, start + self.window])
            self._windows.append(slice(int(first), int(last)))

    def prepare(
        self, source: FeatureSource, layer: int | None, seed: int | None, aggregations: Sequence[str] = (WINDOW,)
    ) -> ScoredSource:
        return ScoredSource(source, layer, seed, SequenceScores(len(self.sequences), source.features, aggregations))

    def score_sequence_source(self, source: FeatureSource) -> ScoredSource:
        """A source that reads letters and needs no model; whole-sequence frequencies count among its candidates."""
        scored = self.prepare(source, None, None, (WINDOW, MEAN))
        scored.headline = (WINDOW, MEAN)
        nothing = np.zeros((0, 0), dtype=np.float32)
        for index, sequence in enumerate(self.sequences):
            code = source.encode(sequence, nothing)[self._known[index]]
            scored.scores.put(index, code, self._windows[index])
        return scored

    def score_model_sources(
        self,
        model: ModelAdapter,
        layers: Sequence[int],
        scored: Sequence[ScoredSource],
        advance: Callable[[int], None],
    ) -> dict[int, NDArray[np.float32]]:
        """Run the model once and fill the scores of all its sources.

        Returns:
            Per layer the mean hidden state of every sequence, (sequences, width) float32: what a dense probe reads.
        """
        means: dict[int, NDArray[np.float32]] = {}
        for done, (index, states) in enumerate(model.hidden_states(self.sequences, layers), 1):
            known = self._known[index]
            letters = "".join(self.sequences[index][position] for position in known)
            hidden = {layer: states[layer][known] for layer in layers}
            for layer in layers:
                if layer not in means:
                    means[layer] = np.zeros((len(self.sequences), hidden[layer].shape[1]), dtype=np.float32)
                means[layer][index] = hidden[layer].mean(axis=0)
            for entry in scored:
                assert entry.layer is not None
                code = entry.source.encode(letters, hidden[entry.layer])
                entry.scores.put(index, code, self._windows[index])
            advance(done)
        return means
