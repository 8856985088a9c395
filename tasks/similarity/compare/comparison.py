"""Every model with every other, layer by layer, beside random twins and permuted RNAs."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from harness.progress import Progress
from harness.statistics.bootstrap import DRAWS, Estimate, Interval, cluster_weights
from tasks.similarity.cka import States
from tasks.similarity.compare.results import Common
from tasks.similarity.comparisons import Comparer, View, comparers, maps
from tasks.similarity.report import MODEL, TWIN
from tasks.similarity.states import NUCLEOTIDES, key

Measures = dict[str, Estimate]


@dataclass(frozen=True)
class PairOfModels:
    """Two models. ``layers`` holds the measures of every pair of layers.

    ``beside`` are those of the last layers when either model is replaced by its random twin, mean of both; none if
    neither has a twin. ``permuted`` are those of the last layers with RNAs in random order.
    """

    first: str
    second: str
    layers: dict[tuple[int, int], Measures]
    beside: Measures
    permuted: dict[str, Interval]

    @property
    def last(self) -> Measures:
        return self.layers[max(self.layers)]

    def beyond(self, measure: str) -> Estimate | None:
        """How much more alike the last layers are than when either is replaced by its random twin."""
        return self.last[measure] - self.beside[measure] if measure in self.beside else None


def compare(common: Common, progress: Progress) -> list[PairOfModels]:
    """All pairs; two models are in memory at a time."""
    weights = cluster_weights(common.items, DRAWS)
    comparer, _ = comparers(common.each, common.neighbours, common.letters, weights)
    found = []
    for one, other in progress.over("pairs", list(combinations(range(len(common.models)), 2))):
        first, second = (_views(comparer, common.layers(model, MODEL)) for model in (one, other))
        ends = first[max(first)], second[max(second)]
        twins = [_last(comparer, common.layers(model, TWIN)) for model in (one, other)]
        controls = [
            comparer.compare(own, twin) for own, twin in zip(ends, reversed(twins), strict=True) if twin is not None
        ]
        found.append(
            PairOfModels(
                common.models[one].name,
                common.models[other].name,
                maps(comparer, first, second),
                _mean(controls),
                comparer.permuted(*ends),
            )
        )
    return found


def layer_table(pairs: list[PairOfModels]) -> pd.DataFrame:
    """Every pair of layers of every pair of models, with intervals."""
    rows = []
    for pair in pairs:
        for (one, other), measures in pair.layers.items():
            row: dict[str, object] = {"first": pair.first, "layer": one, "second": pair.second, "second_layer": other}
            for name, estimate in measures.items():
                own = estimate.interval()
                row |= {name: own.value, f"{name}_low": own.low, f"{name}_high": own.high}
            rows.append(row)
    return pd.DataFrame(rows)


def matrix(pairs: list[PairOfModels], names: list[str], measure: str) -> np.ndarray:
    """(models, models) of the last layers; nothing on the diagonal."""
    values = np.full((len(names), len(names)), np.nan)
    for pair in pairs:
        i, j = names.index(pair.first), names.index(pair.second)
        values[i, j] = values[j, i] = pair.last[measure].value
    return values


def _views(comparer: Comparer, layers: dict[int, States]) -> dict[int, View]:
    return {layer: comparer.view({key(NUCLEOTIDES, layer): states}, layer) for layer, states in layers.items()}


def _last(comparer: Comparer, layers: dict[int, States]) -> View | None:
    return _views(comparer, {max(layers): layers[max(layers)]})[max(layers)] if layers else None


def _mean(parts: list[Measures]) -> Measures:
    if not parts:
        return {}
    return {
        name: Estimate(
            float(np.mean([part[name].value for part in parts])),
            np.mean([part[name].draws for part in parts], axis=0),
            parts[0][name].n,
        )
        for name in parts[0]
    }
