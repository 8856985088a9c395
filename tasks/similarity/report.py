"""From comparisons to the outcome of a cell: metrics, rows by layer, tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from harness.statistics.bootstrap import Estimate, Interval
from harness.task import Highlights, Metric, Place, TableRow
from tasks.common import CORRELATION, SHARE, metric, table_row
from tasks.similarity.comparisons import CKA, LESS_LETTERS, NEIGHBOURS, WithTwins, mean_over_layers
from tasks.similarity.data import Sample
from tasks.similarity.floors import FLOORS, LETTERS
from tasks.similarity.settings import SimilaritySettings
from tasks.similarity.states import MEANS, NUCLEOTIDES

MODEL, TWIN = "model", "random-twin"
HEADLINE = "learned_change"
REMOVED = "mean of each letter removed"
"""The stratum of rows of CKA on states less the mean of each letter."""
Pair = tuple[str, int | None, str, int | None]
"""Source and layer of either side; floors have no layer."""

_CHANGES = {
    HEADLINE: (NUCLEOTIDES, CKA, "CKA between random twins minus CKA of the model with them; mean over blocks"),
    f"{HEADLINE}_{NEIGHBOURS}": (NUCLEOTIDES, NEIGHBOURS, "the same of mutual nearest neighbours"),
    f"{HEADLINE}_sequences": (MEANS, CKA, "the same of means over each RNA"),
}


@dataclass
class Found:
    """All comparisons of a cell.

    ``twins`` holds the comparisons with random twins by unit, measure and layer; ``pairs`` every pair of layers, of the
    model, its first twin and the floors; ``permuted`` the last layers of model and twin with RNAs in random order.
    """

    layers: tuple[int, ...]
    pairs: dict[Pair, dict[str, Estimate]] = field(default_factory=dict)
    twins: dict[tuple[str, str], dict[int, WithTwins]] = field(default_factory=dict)
    permuted: dict[str, Interval] = field(default_factory=dict)
    shares: dict[int, np.ndarray] = field(default_factory=dict)

    @property
    def blocks(self) -> tuple[int, ...]:
        """The layers of the headline: what comes after the embeddings, which hardly differ in what they can be."""
        return tuple(layer for layer in self.layers if layer > 0) or self.layers

    @property
    def last(self) -> int:
        return self.layers[-1]

    def over_blocks(self, unit: str, measure: str) -> WithTwins | None:
        by_layer = self.twins.get((unit, measure))
        return None if by_layer is None else mean_over_layers([by_layer[layer] for layer in self.blocks])


def metrics(found: Found) -> dict[str, Metric]:
    """Change from the random twins first, then what the last layer is like."""
    named = {}
    for name, (unit, measure, about) in _CHANGES.items():
        own = found.over_blocks(unit, measure)
        named[name] = metric(own.change() if own else None, about, None)
    for measure, words in ((CKA, "linear CKA"), (NEIGHBOURS, "share of nearest neighbours in common")):
        own = found.over_blocks(NUCLEOTIDES, measure)
        about = f"{words}, same layer, mean over blocks"
        named[f"{measure}_twin"] = metric(own.with_twins() if own else None, f"{about}; model with random twins", None)
        named[f"{measure}_between_twins"] = metric(own.between_twins() if own else None, f"{about}; random twins", None)
        named[f"{measure}_permuted"] = metric(
            found.permuted.get(measure), f"{words}, last layers of model and random twin, RNAs permuted", None
        )
    first = found.pairs[MODEL, found.layers[0], MODEL, found.last]
    named["cka_first_last"] = metric(first[CKA], "linear CKA of the last layer with the embeddings", None)
    for floor in FLOORS:
        own_pair = found.pairs[MODEL, found.last, floor, None]
        named[metric_of(floor)] = metric(own_pair[CKA], f"linear CKA of the last layer with {floor}", None)
    return named


def metric_of(floor: str, measure: str = CKA) -> str:
    return f"{measure}_{floor.replace('-', '_')}"


def draws(found: Found) -> dict[Place, Estimate]:
    """Of the changes, with those of a twin in the place of the model, and of what the last layer is like."""
    drawn: dict[Place, Estimate] = {}
    for name, (unit, measure, _) in _CHANGES.items():
        if (own := found.over_blocks(unit, measure)) is not None:
            drawn[Place(name, MODEL)] = own.change()
            if (floor := own.change_of_a_twin()) is not None:
                drawn[Place(name, TWIN)] = floor
    for floor_name in FLOORS:
        drawn[Place(metric_of(floor_name), MODEL)] = found.pairs[MODEL, found.last, floor_name, None][CKA]
    return drawn


def rows(found: Found) -> Iterator[TableRow]:
    """Changes over all blocks and by layer, and what every layer is like."""
    for name, (unit, measure, _) in _CHANGES.items():
        if (own := found.over_blocks(unit, measure)) is None:
            continue
        yield table_row(name, own.change(), MODEL)
        if (floor := own.change_of_a_twin()) is not None:
            yield table_row(name, floor, TWIN)
        for layer, part in found.twins[unit, measure].items():
            yield table_row(name, part.change(), MODEL, layer)
            stratum = f"same layer, {unit}"
            yield table_row(f"{measure}_twin", part.with_twins(), MODEL, layer, stratum)
            yield table_row(f"{measure}_between_twins", part.between_twins(), TWIN, layer, stratum)
    yield from _rows_less_letters(found)
    for (source, place, other, _), own_pair in found.pairs.items():
        if other in FLOORS:
            yield table_row(metric_of(other), own_pair[CKA], source, place, within=CORRELATION)
            yield table_row(metric_of(other, NEIGHBOURS), own_pair[NEIGHBOURS], source, place, within=SHARE)


def _rows_less_letters(found: Found) -> Iterator[TableRow]:
    """The rows of CKA again, of states less the mean of each letter; the letter itself is then without variance."""
    if (whole := found.over_blocks(NUCLEOTIDES, LESS_LETTERS)) is not None:
        yield table_row(HEADLINE, whole.change(), MODEL, stratum=REMOVED)
        if (floor := whole.change_of_a_twin()) is not None:
            yield table_row(HEADLINE, floor, TWIN, stratum=REMOVED)
        for layer, part in found.twins[NUCLEOTIDES, LESS_LETTERS].items():
            yield table_row(HEADLINE, part.change(), MODEL, layer, REMOVED)
            yield table_row("cka_twin", part.with_twins(), MODEL, layer, REMOVED)
            yield table_row("cka_between_twins", part.between_twins(), TWIN, layer, REMOVED)
    yield table_row("cka_permuted", found.permuted.get(LESS_LETTERS), MODEL, found.last, REMOVED)
    for (source, place, other, _), own_pair in found.pairs.items():
        if other in FLOORS and other != LETTERS:
            yield table_row(metric_of(other), own_pair[LESS_LETTERS], source, place, REMOVED, within=CORRELATION)


def pair_table(found: Found) -> pd.DataFrame:
    """Every pair of layers with its measures and their intervals."""
    table = []
    for (source, layer, other, other_layer), own in found.pairs.items():
        row: dict[str, object] = {
            "first": source,
            "first_layer": layer,
            "second": other,
            "second_layer": other_layer,
        }
        for measure, estimate in own.items():
            interval = estimate.interval()
            row |= {measure: interval.value, f"{measure}_low": interval.low, f"{measure}_high": interval.high}
        table.append(row)
    layers = {"first_layer": "Int64", "second_layer": "Int64"}
    return pd.DataFrame(table).astype(layers)


def items(found: Found, sample: Sample) -> pd.DataFrame:
    """Per RNA: the share of nearest neighbours that each layer has in common with the first random twin's."""
    frames = []
    for layer, shares in found.shares.items():
        names = [record.id for record in sample.records]
        frame = pd.DataFrame({"item": names, "cluster": names}, dtype="str")
        families = pd.array([record.family for record in sample.records], dtype="string")
        frame = frame.assign(family=families, metric=f"{NEIGHBOURS}_twin", source=MODEL)
        frames.append(frame.assign(layer=pd.array([layer] * len(names), dtype="Int64"), value=shares))
    return pd.concat(frames, ignore_index=True)


def nucleotide_table(sample: Sample) -> pd.DataFrame:
    """The nucleotides in the order of the stored states."""
    return pd.DataFrame(
        {
            "item": np.repeat([record.id for record in sample.records], sample.each).astype("str"),
            "position": sample.positions.ravel(),
            "letter": sample.letters,
        }
    )


def highlights(found: Found) -> Highlights | None:
    """The curve over depth, as numbers."""
    by_layer: Mapping[int, WithTwins] = found.twins.get((NUCLEOTIDES, CKA), {})
    if not by_layer:
        return None
    bare = found.twins[NUCLEOTIDES, LESS_LETTERS]
    return Highlights(
        title="CKA by layer",
        columns=("layer", "with random twins", "between random twins", "letters removed", "between", *FLOORS),
        rows=tuple(
            (
                str(layer),
                f"{own.with_twins().value:.3f}",
                f"{own.between_twins().value:.3f}",
                _told(bare[layer].with_twins()),
                _told(bare[layer].between_twins()),
                *(f"{found.pairs[MODEL, layer, floor, None][CKA].value:.3f}" for floor in FLOORS),
            )
            for layer, own in by_layer.items()
        ),
    )


def _told(own: Estimate) -> str:
    return "–" if np.isnan(own.value) else f"{own.value:.3f}"


def notes(found: Found, sample: Sample, settings: SimilaritySettings, twins: int, chance: float) -> list[str]:
    rnas, each = sample.positions.shape
    own = [
        f"{rnas:,} RNAs, one of each of the {sample.units}, {each} nucleotides of each; intervals are over RNAs"
        + (f" and {twins} random twins" if twins else ""),
        f"{settings.neighbours} nearest neighbours, of other RNAs; independent layers share {chance:.2%} of them",
    ]
    if constant := layers_without(found, CKA):
        own.append(f"layers without any variance have no CKA: {', '.join(constant)}")
    if bare := [name for name in layers_without(found, LESS_LETTERS) if name not in constant]:
        own.append(f"layers that hold the letter alone have no CKA with the mean of each removed: {', '.join(bare)}")
    if not twins:
        own.append("the model has no random twin: nothing says how much of it was learned")
    return own


def layers_without(found: Found, measure: str) -> Sequence[str]:
    """Layers of model and twin that have no such similarity even with themselves."""
    return [
        f"{source} {layer}"
        for (source, layer, other, other_layer), own in found.pairs.items()
        if (source, layer) == (other, other_layer) and np.isnan(own[measure].value)
    ]
