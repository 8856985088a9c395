"""One vector per sequence: the mean hidden state by layer, or what letters say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.activations.reader import known_positions
from harness.adapter import ModelAdapter, ModelCard
from harness.datasets.alignments import model_inputs
from harness.datasets.records import Record
from harness.errors import HarnessError
from harness.sequences.kmers import kmer_counts
from harness.task import CellContext

Vectors = Mapping[int | None, NDArray[np.float32]]
"""Layer -> (sequences, width); models that bring vectors of sequences have no layer."""

KMERS = (3, 6)


class Letters(ModelAdapter):
    """Shares of k-mers, behind the interface of a model; k counts as its layer."""

    def __init__(self, name: str, lengths: Sequence[int]) -> None:
        self.lengths = tuple(lengths)
        self.card = ModelCard(
            name=name,
            summary=f"shares of k-mers, k = {', '.join(map(str, lengths))}",
            role="floor",
            architecture="k-mers",
            capabilities=frozenset({"sequence_vectors"}),
            corpus="none",
        )

    def identity(self) -> str:
        return f"{self.card.name} {self.lengths}"

    def shares(self, sequences: Sequence[str]) -> Vectors:
        """By k, (sequences, 4ᵏ)."""
        counts = {k: kmer_counts(sequences, k) for k in self.lengths}
        return {k: own / np.maximum(own.sum(axis=1, keepdims=True), 1) for k, own in counts.items()}


def vectors(
    model: ModelAdapter, records: Sequence[Record], layers: Sequence[int], context: CellContext, label: str
) -> Vectors:
    """Means over nucleotides other than N, from one pass; or the vectors that the model brings.

    Raises:
        HarnessError: the model returned no states for a sequence.
    """
    if isinstance(model, Letters):
        return model.shares([record.sequence for record in records])
    if "hidden_states" not in model.card.capabilities:
        return {None: model.sequence_vectors([record.sequence for record in records])}

    def compute() -> dict[str, np.ndarray]:
        model.load(context.device)
        given: Any = model_inputs(model.card, records, family_asked=True)
        found: dict[str, np.ndarray] = {}
        seen = 0
        with context.progress.track(label, len(records)) as advance:
            for index, states in model.hidden_states(given, layers):
                known = known_positions(records[index].sequence)
                for layer in layers:
                    mean = states[layer][known].mean(axis=0)
                    rows = found.setdefault(str(layer), np.zeros((len(records), len(mean)), dtype=np.float32))
                    rows[index] = mean
                seen += 1
                advance(seen)
        if seen < len(records):
            raise HarnessError(f"{model.card.name} returned no hidden states for {len(records) - seen} sequences")
        return found

    kept = context.kept(label, compute)
    return {layer: kept[str(layer)] for layer in layers}
