"""How the F1 of a model spreads over the sequences that it was scored on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from harness.publish.escape import markdown
from harness.publish.figures.drawing import LINE, WIDTH, Canvas, Scale, shortened
from harness.publish.figures.values import FEWEST_MODELS, Figure, Trial, seed_of
from harness.publish.format import number
from harness.publish.links import record_link
from harness.publish.pages.markup import table
from harness.publish.scores import Score
from harness.statistics.bootstrap import Estimate, Floats, cluster_weights

if TYPE_CHECKING:
    import pandas as pd

TITLE = "Spread over sequences"
ABOUT = (
    "Is a model's score that of most sequences, or the mean of hits and misses? For every model: the median F1 of "
    "single sequences (dot), the middle half of them (thick bar), and all but the lowest and highest 5 % (line). The "
    "answer sets the spread over the sequences of one model beside the spread over the means of models; its interval "
    "resamples families where they are known, else sequences."
)
PER_SEQUENCE = "f1"
"""What tables of items call the F1 of one sequence."""
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
_DRAWS = 2000
_LEFT, _RIGHT, _ROW = 210, 40, 26


@dataclass(frozen=True)
class Spread:
    """F1 of sequences (rows) and models (columns, best mean first), and the family or cluster of every sequence.

    ``of_types``: the family of every sequence is known.
    """

    models: tuple[Score, ...]
    values: Floats
    units: tuple[str, ...]
    of_types: bool

    @property
    def quantiles(self) -> Floats:
        """(quantiles, models)."""
        return np.asarray(np.quantile(self.values, QUANTILES, axis=0))

    @property
    def deviations(self) -> tuple[float, float]:
        """Standard deviation over the sequences of a model (root mean square of all), and over the means of models."""
        within, between = _deviations(self.values, np.ones((1, len(self.values))))
        return float(within[0]), float(between[0])

    @property
    def difference(self) -> Estimate:
        """Of the two deviations, with draws over families, clusters or sequences."""
        within, between = self.deviations
        drawn = _deviations(self.values, cluster_weights(self.units, _DRAWS, seed_of(self.models)))
        return Estimate(within - between, drawn[0] - drawn[1], len(set(self.units)))


def spread_figures(trials: Sequence[Trial], out: Path) -> Iterator[Figure]:
    """One figure for every trial in which two models or more left a table of F1 by sequence."""
    for trial in trials:
        spread = spread_of(trial.board.models)
        if spread is not None:
            yield Figure(
                where=trial.where,
                name=trial.file_name("spread"),
                picture=_picture(trial, spread),
                table=_table(spread, out),
                answer=_answer(spread),
            )


def spread_of(models: Sequence[Score]) -> Spread | None:
    """Of the sequences that all models share, two or more; models without a table are left out, one model is none."""
    found = [(own, items) for own in models if (items := _items(own)) is not None]
    if len(found) < 2:
        return None
    shared = sorted(set.intersection(*(set(items.index) for _, items in found)))
    if len(shared) < 2:
        return None
    found.sort(key=lambda pair: (-pair[1].loc[shared, "value"].mean(), pair[0].name, pair[0].record.cell))
    first = found[0][1].loc[shared]
    units = first["family"].fillna(first["cluster"]).fillna(first["item"])
    values = np.stack([items.loc[shared, "value"].to_numpy(dtype=np.float64) for _, items in found], axis=1)
    of_types = bool(first["family"].notna().all())
    return Spread(tuple(own for own, _ in found), values, tuple(map(str, units)), of_types)


def _items(own: Score) -> pd.DataFrame | None:
    """One row for every sequence, by its name; None where there is no table, or none of F1."""
    from pyarrow import parquet

    file = own.path.with_suffix("") / "items.parquet"
    if f"{own.record.cell}/{file.name}" not in own.record.files or not file.is_file():
        return None
    wanted = ("item", "family", "cluster", "metric", "value")
    held = [name for name in wanted if name in parquet.read_schema(file).names]
    if not {"item", "metric", "value"} <= set(held):
        return None
    with parquet.ParquetFile(file, read_dictionary=["metric"]) as opened:
        # tables of other tasks are long, and one column tells them apart
        if PER_SEQUENCE not in opened.read(["metric"], use_threads=False).column("metric").unique().to_pylist():
            return None
        table = opened.read(held, use_threads=False).to_pandas()
    items = table[table["metric"] == PER_SEQUENCE].reindex(columns=wanted)
    if items["item"].duplicated().any():
        return None
    return items.set_index("item", drop=False)


def _deviations(values: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Within models and between their means, for every row of ``weights`` (draws, sequences)."""
    share = weights / weights.sum(axis=1, keepdims=True)
    means = share @ values
    variance = np.maximum(share @ values**2 - means**2, 0)
    return np.sqrt(variance.mean(axis=1)), means.std(axis=1, ddof=1)


def _answer(spread: Spread) -> str:
    within, between = spread.deviations
    interval = spread.difference.interval()
    numbers = (
        f"F1 has a standard deviation of {within:.3f} over the sequences of a model and of {between:.3f} over the "
        f"means of models (difference {interval.value:.3f} [{interval.low:.3f}, {interval.high:.3f}])"
    ).replace("-", "−")
    if len(spread.models) < FEWEST_MODELS:
        return f"Whether the model or the sequence matters more takes {FEWEST_MODELS} models to say: {numbers}."
    if interval.low > 0:
        return f"**Which sequence it is matters more than which of these models**: {numbers}."
    if interval.high < 0:
        return f"**Which of these models it is matters more than which sequence**: {numbers}."
    return f"Whether the model or the sequence matters more **cannot be told**: {numbers}."


def f1_rows(title: str, models: Sequence[Score]) -> tuple[Canvas, Scale, list[float], float]:
    """A picture with a row for each model over a scale of F1: the scale, the height of every row, and the lower end."""
    canvas = Canvas(title)
    scale = Scale([tick / 5 for tick in range(6)], _LEFT, WIDTH - _RIGHT)
    top, bottom = 8, 14 + _ROW * len(models)
    canvas.grid_across(scale, top, bottom)
    return canvas, scale, [top + _ROW * place + 16 for place in range(len(models))], bottom


def named(canvas: Canvas, own: Score, y: float) -> None:
    """The name of a model, left of its row."""
    canvas.text("", _LEFT - 12, y + 4, shortened(own.name, _LEFT - 20), "end")


def _picture(trial: Trial, spread: Spread) -> str:
    canvas, scale, rows, bottom = f1_rows(f"{TITLE}: {trial.task}, {trial.title}", spread.models)
    for own, y, (low, start, median, stop, high) in zip(spread.models, rows, spread.quantiles.T.tolist(), strict=True):
        named(canvas, own, y)
        canvas.line("bar2 s0", scale(low), y, scale(high), y)
        canvas.line("thick s0", scale(start), y, scale(stop), y)
        canvas.dot("s0", scale(median), y, f"{own.name}: median {number(median)}")
    canvas.text("quiet", WIDTH / 2, bottom + 36, "F1 of single sequences: median, middle half, 5 % to 95 %", "middle")
    return canvas.svg(bottom + 36 + LINE)


def _table(spread: Spread, out: Path) -> str:
    header = [
        "model",
        "mean",
        *(f"{100 * quantile:.0f} %" if quantile != 0.5 else "median" for quantile in QUANTILES),
        "record",
    ]
    means = spread.values.mean(axis=0).tolist()
    return table(
        header,
        [
            [markdown(own.name), number(mean), *map(number, column), record_link(own.record, own.path, out)]
            for own, mean, column in zip(spread.models, means, spread.quantiles.T.tolist(), strict=True)
        ],
    )
