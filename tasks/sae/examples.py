"""Example sequences of features, from every part of the ranking by activation and not only its top."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import scipy.sparse
from numpy.typing import NDArray

from harness.activations.reader import known_positions
from harness.datasets.loop_types import one_partner
from harness.datasets.records import Record

QUANTILES = 10
PER_QUANTILE = 2
FEATURES_SHOWN = 256
_BRACKETS = tuple(zip("([{<ABCD", ")]}>abcd", strict=True))

Key = tuple[int, int]


def example_table(
    codes: Mapping[Key, scipy.sparse.csr_array],
    records: Sequence[Record],
    features: Mapping[Key, Sequence[int]],
    quantiles: int = QUANTILES,
    per_quantile: int = PER_QUANTILE,
) -> pd.DataFrame:
    """``large/examples.parquet``: sequences of every feature with the activation of every nucleotide, one row each.

    The sequences in which a feature is active are ranked by its strongest activation there and cut into ``quantiles``
    equal parts; ``per_quantile`` are drawn from each by a hash of their names, so that none is picked for its looks.
    As many in which the feature is silent come last, with quantile 0.

    Args:
        codes: by (layer, seed), (nucleotides, features); the nucleotides of ``records`` one after another, without N.
        records: held-out sequences; ``pairs``, where known, give the structure.
        features: for every (layer, seed) the features to show, in the order that they are to be shown.

    Returns:
        Columns layer, seed, feature, quantile (upper end of the part, in (0, 1]), item, family, sequence, structure
        (dot-bracket, "" where unknown) and activations (length,) float32; nucleotides that are N have 0.
    """
    known = [known_positions(record.sequence) for record in records]
    starts = np.cumsum([0, *map(len, known)])
    owner = np.repeat(np.arange(len(records)), np.diff(starts))
    structures = [dot_bracket(record) for record in records]
    found = []
    for (layer, seed), shown in features.items():
        columns = codes[layer, seed].tocsc()
        for feature in shown:
            values = columns[:, [feature]].toarray()[:, 0]
            strongest = np.zeros(len(records), dtype=values.dtype)
            np.maximum.at(strongest, owner, values)
            for quantile, index in _drawn(strongest, records, quantiles, per_quantile):
                record = records[index]
                activations = np.zeros(len(record.sequence), dtype=np.float32)
                activations[known[index]] = values[starts[index] : starts[index + 1]]
                place = [layer, seed, int(feature), quantile, record.id, record.family or ""]
                found.append([*place, record.sequence, structures[index], activations])
    names = ["layer", "seed", "feature", "quantile", "item", "family", "sequence", "structure", "activations"]
    return pd.DataFrame(found, columns=names)


def features_to_show(features: pd.DataFrame, families: pd.DataFrame, most: int) -> dict[tuple[int, int], list[int]]:
    """Features whose example sequences are kept, by (layer, seed): those chosen for a concept, best on select first.

    The first seed has further ones, up to ``most``: those that separate their best family best on select.
    """
    chosen = families[families["source"] == "sae"]
    first = features["seed"].min()
    shown = {}
    live = features[features["live"]]
    for layer, seed in live[["layer", "seed"]].drop_duplicates().itertuples(index=False):
        part = live[(live["layer"] == layer) & (live["seed"] == seed)]
        mine = chosen[(chosen["layer"] == layer) & (chosen["seed"] == seed)]
        worth = (part["select_auroc"] - 0.5).abs() + part["feature"].isin(mine["feature"])
        ranked = part["feature"][worth.sort_values(ascending=False, kind="stable").index]
        shown[int(layer), int(seed)] = ranked[: most if seed == first else mine["feature"].nunique()].tolist()
    return shown


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
