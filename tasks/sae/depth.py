"""How the numbers of autoencoders change with the depth of the layer they read, in a cell with several layers."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from harness.statistics.bootstrap import DRAWS, Estimate, Floats, nested_estimate
from harness.statistics.trends import Correlation, rank_trend
from harness.task import Metric, TableRow, TaskOutcome
from tasks.common import CORRELATION, SHARE, metric, table_row, without_interval
from tasks.sae.concepts.membership import Integers, Membership, Scores
from tasks.sae.concepts.selectivity import median_tau_draws, selectivity
from tasks.sae.settings import QUALITY_LABELS
from tasks.sae.split_quality import WITHIN, Measured, quality_estimates

if TYPE_CHECKING:
    import pandas as pd

FEWEST_LAYERS = 4
"""Of three layers, one order in three rises or falls throughout."""
SELECTIVITY_DRAWS = 200
"""A draw of the selectivity goes over all features: it takes the first of the draws of the other measures."""
MODEL, TWINS = "sae", "sae-random-lm"
MEASURES = ("l0", "fve", "stability", "selectivity")
COLUMNS = ("measure", "source", "layer", "concept", "value", "low", "high", "n")
_CLAIMS = {"l0": ("sparser", -1), "selectivity": ("more type-selective", 1)}


@dataclass(frozen=True)
class AtLayer:
    """A number of one source at one layer; ``concept`` is empty where it is of all of them.

    ``estimate`` holds its draws, the same items and seeds at every layer; ``metric`` is what a table shows.
    """

    measure: str
    source: str
    layer: int
    metric: Metric
    estimate: Estimate
    concept: str = ""

    @classmethod
    def of(
        cls,
        measure: str,
        source: str,
        layer: int,
        estimate: Estimate,
        concept: str = "",
        within: tuple[float, float] | None = SHARE,
    ) -> AtLayer:
        """``within`` is what the number can be."""
        return cls(measure, source, layer, metric(estimate, within=within), estimate, concept)


@dataclass(frozen=True)
class Depth:
    """The numbers of a cell by layer; ``headline`` is the one of the task, ``told`` says it in words.

    ``failed`` are layers whose autoencoders failed: the table has them, a trend does not.
    """

    numbers: Sequence[AtLayer]
    headline: str
    told: str
    failed: Collection[int] = ()

    @property
    def layers(self) -> list[int]:
        """Those that a trend goes over."""
        return sorted({own.layer for own in self.numbers} - set(self.failed))

    @property
    def words(self) -> dict[str, str]:
        """Measures in words, in their order."""
        return {name: QUALITY_LABELS[name] for name in MEASURES} | {self.headline: self.told}

    def trends(self) -> dict[tuple[str, str], Correlation | None]:
        """By measure and source, of the model and its random twins; None where all layers tie; empty for few layers."""
        layers, found = self.layers, {}
        if len(layers) < FEWEST_LAYERS:
            return {}
        for measure in self.words:
            for source in (MODEL, TWINS):
                own = [
                    number
                    for number in self.numbers
                    if (number.measure, number.source, number.concept) == (measure, source, "")
                    and number.layer in layers
                ]
                if len(own) == len(layers):
                    found[measure, source] = rank_trend([n.layer for n in own], [n.estimate for n in own])
        return found

    def metrics(self) -> dict[str, Metric]:
        """The trends of the model."""
        unit = f"Spearman correlation with the layer, {len(self.layers)} layers"
        return {
            f"trend_{measure}": metric(None if own is None else own.interval, unit, None, CORRELATION)
            for (measure, source), own in self.trends().items()
            if source == MODEL
        }

    def rows(self) -> Iterator[TableRow]:
        """The trends of the model and of its random twins, and the numbers by layer that no other row has."""
        for (measure, source), own in self.trends().items():
            yield table_row(f"trend_{measure}", None if own is None else own.interval, source, within=CORRELATION)
        for number in self.numbers:
            twin_quality = number.source == TWINS and number.measure in MEASURES
            if not number.concept and (number.measure == "selectivity" or twin_quality):
                yield table_row(number.measure, number.metric, number.source, number.layer)

    def table(self) -> pd.DataFrame:
        """Every number, a row each, in the order of :data:`COLUMNS`."""
        import pandas as pd

        rows = [
            (n.measure, n.source, n.layer, n.concept, n.metric.value, n.metric.low, n.metric.high, n.metric.n)
            for n in self.numbers
            if not (
                n.measure == "stability" and n.layer in self.failed
            )  # failed autoencoders agree, which says nothing
        ]
        kinds = {"value": "float64", "low": "float64", "high": "float64", "n": "Int64"}
        return pd.DataFrame(rows, columns=list(COLUMNS)).astype(kinds)

    def add_to(self, outcome: TaskOutcome, activation: str) -> None:
        """The trends, the table and what they say, beside the rest of a cell."""
        metrics = self.metrics()
        outcome.metrics |= metrics
        outcome.table += self.rows()
        outcome.tables["depth"] = self.table()
        outcome.notes += [*self._notes(activation), *without_interval(metrics)]

    def _notes(self, activation: str) -> Iterator[str]:
        """Whether deeper is sparser and more selective, and every trend beside that of random twins."""
        trends = self.trends()
        if not trends:
            yield (
                f"{len(self.layers)} layers without failed autoencoders: no trend with depth can be tested on fewer "
                f"than {FEWEST_LAYERS} (--layer all)"
            )
            return
        verdicts = [
            f"deeper is {claim}: {_verdict(trends.get((measure, MODEL)), direction, len(self.layers))}"
            + _beside(trends.get((measure, TWINS)), direction)
            for measure, (claim, direction) in _CLAIMS.items()
        ]
        yield "; ".join(verdicts)
        if activation in ("topk", "batchtopk"):
            yield f"{activation} holds the active features near k in training at every layer: their trend says little"
        for measure, words in self.words.items():
            if (measure, MODEL) in trends:
                twin = f"; random twins {_told(trends[measure, TWINS])}" if (measure, TWINS) in trends else ""
                yield f"rank correlation of {words} with the layer: {_told(trends[measure, MODEL])}{twin}"


def over_pairs_of_seeds(shares: Floats, seeds: int) -> Estimate:
    """Mean over pairs of seeds, with draws that resample seeds; a draw of one seed alone has no pair and no value.

    Args:
        shares: (pairs,), in the order of :func:`itertools.combinations`.
    """
    point = float(np.mean(shares))
    if seeds == 2:
        return Estimate(point, np.full(DRAWS, np.nan), seeds)
    times = np.random.default_rng([0, seeds]).multinomial(seeds, np.full(seeds, 1 / seeds), size=DRAWS)
    weights = np.column_stack([times[:, a] * times[:, b] for a, b in combinations(range(seeds), 2)])
    total = weights.sum(axis=1)
    draws = np.divide(weights @ shares, total, out=np.full(DRAWS, np.nan), where=total > 0)
    return Estimate(point, draws, seeds)


def quality_at(measured: Measured, source: str, weights: Floats) -> Iterator[AtLayer]:
    """Variance explained and active features at every layer; ``weights`` (draws, sequences)."""
    for layer in sorted({layer for layer, _ in measured}):
        own = [found for (other, _), found in measured.items() if other == layer]
        estimates = quality_estimates([sums for sums, _ in own], [quality for _, quality in own], weights)
        for name in ("l0", "fve"):
            yield AtLayer.of(name, source, layer, estimates[name], within=WITHIN[name])


def stability_at(layer: int, shares: Floats, seeds: int, shown: Metric) -> AtLayer:
    """The stability of the model's own seeds; a random twin has one autoencoder, which agrees with none."""
    return AtLayer("stability", MODEL, layer, shown, over_pairs_of_seeds(shares, seeds))


class Selectivities:
    """The selectivity of autoencoders, one after another, with draws over ``units`` independent units.

    Items that repeat make class means noisier, and the largest of noisier means is larger: a resampled table looks more
    selective than the table itself. Draws are therefore moved so that their mean is the value of the table.

    ``weights``: (draws, items), bootstrap weights over the items that units of the scores are.
    """

    def __init__(self, weights: Floats, units: int) -> None:
        self._weights = weights[:SELECTIVITY_DRAWS]
        self._units = units
        self._found: dict[tuple[str, int], list[tuple[float, Floats]]] = {}

    def add(self, source: str, layer: int, scores: Scores, member: Membership, units: Integers) -> None:
        """One seed of a source; arguments as for :func:`median_tau_draws`."""
        value = selectivity(scores, member).median_tau
        draws = median_tau_draws(scores, member, units, self._weights)
        drawn = draws[np.isfinite(draws)]
        moved = draws + (value - drawn.mean() if len(drawn) else 0)
        self._found.setdefault((source, layer), []).append((value, moved))

    def by_layer(self) -> Iterator[AtLayer]:
        """All that were added."""
        for (source, layer), seeds in sorted(self._found.items()):
            draws = np.stack([drawn for _, drawn in seeds])
            estimate = nested_estimate(draws, [value for value, _ in seeds], self._units)
            yield AtLayer.of("selectivity", source, layer, estimate)


def _told(trend: Correlation | None) -> str:
    if trend is None:
        return "none (layers tie, or one has no value)"
    own = metric(trend.interval, within=CORRELATION)
    ends = "" if own.low is None else f" [{own.low:.2f}, {own.high:.2f}]"
    return f"{trend.interval.value:.2f}{ends}, p {trend.p:.2g}"


def _verdict(trend: Correlation | None, direction: int, layers: int) -> str:
    if trend is None or not trend.found:
        return f"cannot be told from {layers} layers"
    return "yes" if trend.interval.value * direction > 0 else "no, the reverse"


def _beside(twins: Correlation | None, direction: int) -> str:
    if twins is None or not twins.found:
        return ""
    return " (random twins too)" if twins.interval.value * direction > 0 else " (random twins: the reverse)"
