"""Hidden states of the chosen nucleotides and means of the RNAs, of a model or of what needs none."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from harness.activations.reader import known_positions
from harness.adapter import ModelAdapter
from harness.datasets.alignments import model_inputs
from harness.errors import HarnessError
from harness.progress import Progress
from harness.storage.kept import Arrays
from tasks.similarity.data import Sample

NUCLEOTIDES, MEANS = "nucleotides", "sequence means"
UNITS = (NUCLEOTIDES, MEANS)
"""What is compared: single nucleotides, and means over each RNA."""


def key(unit: str, layer: int) -> str:
    return f"{unit} {layer}"


def read_states(
    model: ModelAdapter, sample: Sample, layers: Sequence[int], device: str, progress: Progress, label: str
) -> Arrays:
    """(nucleotides, width) and (RNAs, width) float32 of every layer, by :func:`key`.

    Raises:
        HarnessError: the model returned NaN, infinity, an array of another length, or nothing for a record.
    """
    model.load(device)
    found: dict[str, NDArray[np.float32]] = {}
    inputs = model_inputs(model.card, sample.records)
    seen = 0
    with progress.track(label, len(inputs)) as advance:
        for index, states in model.hidden_states(inputs, layers):  # type: ignore[arg-type]
            record = sample.records[index]
            for layer in layers:
                own = states[layer]
                if len(own) != len(record.sequence) or not np.isfinite(own).all():
                    raise HarnessError(
                        f"{model.card.name} returned an array of shape {own.shape}, or NaN or infinity in it, for "
                        f"record {record.id!r} of {len(record.sequence)} nt: run `harness check`"
                    )
                _put(found, sample, index, layer, own)
            seen += 1
            advance(seen)
    if seen < len(inputs):
        raise HarnessError(f"{model.card.name} returned hidden states for {seen} of {len(inputs)} sequences")
    return found


def of_sequences(sample: Sample, features: Callable[[str], NDArray[np.float64]]) -> Arrays:
    """The same of something that reads sequences alone, as layer 0."""
    found: dict[str, NDArray[np.float32]] = {}
    for index, record in enumerate(sample.records):
        _put(found, sample, index, 0, features(record.sequence).astype(np.float32))
    return found


def _put(
    found: dict[str, NDArray[np.float32]], sample: Sample, index: int, layer: int, states: NDArray[np.float32]
) -> None:
    rnas, each = sample.positions.shape
    for unit, rows in ((NUCLEOTIDES, rnas * each), (MEANS, rnas)):
        found.setdefault(key(unit, layer), np.empty((rows, states.shape[1]), dtype=np.float32))
    found[key(NUCLEOTIDES, layer)][index * each : (index + 1) * each] = states[sample.positions[index]]
    known = states[known_positions(sample.records[index].sequence)]
    found[key(MEANS, layer)][index] = known.mean(axis=0, dtype=np.float64)
