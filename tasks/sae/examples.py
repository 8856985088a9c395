"""Example sequences of features, from every part of the ranking by activation and not only its top."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd
import scipy.sparse
import torch
from numpy.typing import NDArray

from harness.activations.reader import known_positions
from harness.adapter import ModelAdapter
from harness.datasets.loop_types import one_partner
from harness.datasets.records import Record
from tasks.sae.dictionaries import Dictionaries

QUANTILES = 10
PER_QUANTILE = 2
_BRACKETS = tuple(zip("([{<ABCD", ")]}>abcd", strict=True))

Key = tuple[int, int]
Shown = Mapping[Key, Sequence[int]]


def example_table(
    model: ModelAdapter,
    autoencoders: Dictionaries,
    records: Sequence[Record],
    features: Shown,
    quantiles: int = QUANTILES,
    per_quantile: int = PER_QUANTILE,
    advance: Callable[[int], None] = lambda done: None,
) -> pd.DataFrame:
    """``examples.parquet``: sequences of every feature with the activation of every nucleotide, one row each.

    The sequences in which a feature is active are ranked by its strongest activation there and cut into ``quantiles``
    equal parts; ``per_quantile`` are drawn from each by a hash of their names, so that none is picked for its looks.
    As many in which the feature is silent come last, with quantile 0. One pass of the model over ``records``.

    Args:
        autoencoders: by (layer, seed); the layers as the model takes them.
        records: held-out sequences; ``pairs``, where known, give the structure.
        features: for every (layer, seed) the features to show, in the order that they are to be shown.
        advance: told how many sequences are done.

    Returns:
        Columns layer, seed, feature, quantile (upper end of the part, in (0, 1]), item, family, sequence, structure
        (dot-bracket, "" where unknown) and activations (length,) float32; nucleotides that are N have 0.
    """
    codes: dict[Key, dict[int, scipy.sparse.csc_array]] = {key: {} for key in features}
    layers = sorted({layer for layer, _ in features})
    states = model.hidden_states([record.sequence for record in records], layers)
    for done, (index, hidden) in enumerate(states, 1):
        known = known_positions(records[index].sequence)
        for (layer, seed), shown in features.items():
            autoencoder = autoencoders[layer, seed]
            x = torch.from_numpy(np.ascontiguousarray(hidden[layer][known], dtype=np.float32))
            code = autoencoder.encode(x.to(autoencoder.encoder.device)).to_scipy()
            codes[layer, seed][index] = code.tocsc()[:, list(shown)]
        advance(done)
    structures = [dot_bracket(record) for record in records]
    found = []
    for (layer, seed), shown in features.items():
        own = codes[layer, seed]
        strongest = np.stack([_strongest(own[index]) for index in range(len(records))])
        for column, feature in enumerate(shown):
            for quantile, index in _drawn(strongest[:, column], records, quantiles, per_quantile):
                record = records[index]
                activations = np.zeros(len(record.sequence), dtype=np.float32)
                activations[known_positions(record.sequence)] = own[index][:, [column]].toarray()[:, 0]
                place = [layer, seed, int(feature), quantile, record.id, record.family or ""]
                found.append([*place, record.sequence, structures[index], activations])
    columns = ["layer", "seed", "feature", "quantile", "item", "family", "sequence", "structure", "activations"]
    return pd.DataFrame(found, columns=columns)


def _strongest(code: scipy.sparse.csc_array) -> NDArray[np.float32]:
    """(features,) largest activation, 0 for a sequence of N alone."""
    if not code.shape[0]:
        return np.zeros(code.shape[1], dtype=np.float32)
    return np.asarray(code.max(axis=0).toarray(), dtype=np.float32).reshape(-1)


def dot_bracket(record: Record) -> str:
    """The structure of a record as dot-bracket, pseudoknots in further brackets; "" where it is unknown.

    A nucleotide with several partners keeps one. Pairs for which eight kinds of brackets are too few are left out.
    """
    if record.pairs is None:
        return ""
    letters = ["."] * len(record.sequence)
    kinds: list[list[tuple[int, int]]] = [[] for _ in _BRACKETS]
    for i, j in one_partner(record.sequence, record.pairs):
        for (opening, closing), placed in zip(_BRACKETS, kinds, strict=True):
            if not any(a < i < b < j or i < a < j < b for a, b in placed):
                placed.append((i, j))
                letters[i], letters[j] = opening, closing
                break
    return "".join(letters)


def _drawn(
    strongest: NDArray[np.float32], records: Sequence[Record], quantiles: int, per_quantile: int
) -> list[tuple[float, int]]:
    """(quantile, record) of one feature, the strongest part first."""

    def draw(rows: Sequence[int]) -> list[int]:
        return sorted(rows, key=lambda row: (zlib.crc32(records[row].id.encode()), row))[:per_quantile]

    active = np.flatnonzero(strongest > 0)
    ranked = active[np.argsort(strongest[active], kind="stable")]
    parts = np.array_split(ranked, quantiles)
    chosen = [((number + 1) / quantiles, row) for number, part in enumerate(parts) for row in draw(part.tolist())]
    return [*reversed(chosen), *((0.0, row) for row in draw(np.flatnonzero(strongest <= 0).tolist()))]
