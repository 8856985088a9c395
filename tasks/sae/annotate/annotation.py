"""Nucleotides of new sequences with the features that mark them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from harness.activations.reader import known_positions
from harness.adapter import ModelAdapter
from harness.datasets.records import Record
from harness.publish.escape import csv_cell
from harness.sequences.windows import windows
from tasks.sae.aggregate import WINDOW, aggregate, window_start
from tasks.sae.annotate.meanings import Meaning
from tasks.sae.autoencoder.model import SparseAutoencoder

COLUMNS = ("sequence", "position", "nucleotide", "feature", "activation", "concept", "called", "held_out_auroc", "q")
INTERVALS = ("sequence", "start", "end", "name", "score", "strand")


def annotate(
    model: ModelAdapter, autoencoder: SparseAutoencoder, found: Sequence[Meaning], records: Sequence[Record]
) -> Iterator[tuple[Record, NDArray[np.float32]]]:
    """Every record with the activations (length, features) float32 of the distinct features of ``found``, in order.

    Sequences over the model's limit are read in windows, see :func:`harness.sequences.windows.windows`. N has 0.
    """
    features = list(dict.fromkeys(meaning.feature for meaning in found))
    for record in records:
        parts = list(windows(len(record.sequence), model.card))
        texts = [record.sequence[start:stop] for start, stop, _, _ in parts]
        codes = np.zeros((len(record.sequence), len(features)), dtype=np.float32)
        given: Any = texts
        for index, states in model.hidden_states(given, [autoencoder.layer]):
            start, _, first, last = parts[index]
            known = known_positions(texts[index])
            kept = known[(known >= first - start) & (known < last - start)]
            hidden = np.ascontiguousarray(states[autoencoder.layer][kept], dtype=np.float32)
            code = autoencoder.encode(torch.from_numpy(hidden).to(autoencoder.encoder.device)).to_scipy()
            codes[kept + start] = code.tocsc()[:, features].toarray()
        yield record, codes


def by_nucleotide(record: Record, codes: NDArray[np.float32], found: Sequence[Meaning]) -> pd.DataFrame:
    """One row per nucleotide, active feature and concept; positions count from 1. Columns: ``COLUMNS``."""
    rows = [
        (
            *(csv_cell(record.id), i + 1, record.sequence[i], meaning.feature, float(own[i])),
            *(csv_cell(meaning.concept), "yes" if called[i] else "no", meaning.auroc, meaning.q),
        )
        for meaning, own, called in by_meaning(record, codes, found)
        for i in np.flatnonzero(own > 0).tolist()
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS)).sort_values(["position", "feature"], kind="stable")


def by_interval(record: Record, codes: NDArray[np.float32], found: Sequence[Meaning]) -> pd.DataFrame:
    """Stretches of neighbouring nucleotides that are called and in which the feature is active, as in BED: from 0, the
    end not included.

    ``name`` is CONCEPT:FEATURE; ``score`` runs to 1,000 at the feature's largest activation in this sequence.
    """
    rows: list[tuple[object, ...]] = []
    for meaning, own, called in by_meaning(record, codes, found):
        marked = np.concatenate([[False], called & (own > 0), [False]]).astype(int)
        for start, end in np.flatnonzero(np.diff(marked)).reshape(-1, 2).tolist():
            score = round(1000 * float(own[start:end].max() / own.max()))
            name = csv_cell(f"{meaning.concept}:{meaning.feature}")
            rows.append((csv_cell(record.id), start, end, name, score, "+"))
    return pd.DataFrame(rows, columns=list(INTERVALS)).sort_values(["start", "end", "name"], kind="stable")


def by_meaning(
    record: Record, codes: NDArray[np.float32], found: Sequence[Meaning]
) -> Iterator[tuple[Meaning, NDArray[np.float32], NDArray[np.bool_]]]:
    """Every meaning with the activations of its feature and where its concept is called, (length,) each."""
    place = {feature: column for column, feature in enumerate(dict.fromkeys(meaning.feature for meaning in found))}
    for meaning in found:
        own = codes[:, place[meaning.feature]]
        yield meaning, own, _scores(record, own, meaning) >= meaning.threshold


def _scores(record: Record, own: NDArray[np.float32], meaning: Meaning) -> NDArray[np.float32]:
    """(length,): what is held against the threshold, the same for all nucleotides where a sequence is called."""
    if meaning.aggregation is None:
        return own
    if meaning.aggregation == WINDOW:
        start = window_start(record.id, len(own), meaning.window)
        score = own[start : start + meaning.window].max(initial=0)
    else:
        known = own[known_positions(record.sequence)]
        score = aggregate(known[:, None], slice(None), meaning.aggregation)[0]
    return np.full(len(own), score, dtype=np.float32)
