"""Scatter plot of the headlines of two tasks, one point per model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

from harness.adapter import Role
from harness.publish.escape import one_line
from harness.publish.groups import Records, groups_of, labels
from harness.publish.pictures import svg
from harness.result import ResultRecord
from harness.task import Metric

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_COLOURS: dict[Role, str] = {"model": "#1f6f8b", "floor": "#9a9a9a", "ablation": "#b58900", "reference": "#c8553d"}
_SMALL = 8


@dataclass(frozen=True)
class Point:
    """A model with results of both tasks."""

    name: str
    role: Role
    across: Metric
    up: Metric


@dataclass(frozen=True)
class Scatter:
    """What is drawn: points in the order of their names, and what the axes are called."""

    points: tuple[Point, ...]
    across: str
    up: str


def headline_scatter(first: Records, second: Records) -> str | None:
    """SVG of the headline of the first task's records (across) against that of the second's (up).

    Of the groups of comparable results on real data, the two that share most models; None where no two share two.
    """
    chosen = max(_scatters(first, second), key=lambda scatter: len(scatter.points), default=None)
    return None if chosen is None or len(chosen.points) < 2 else svg(draw(chosen), "scatter")


def draw(scatter: Scatter) -> Figure:
    """Points with the intervals of both values; floors are not named, there are many."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.6, 4.2))
    axes = figure.add_axes((0.12, 0.13, 0.84, 0.82))
    for role, colour in _COLOURS.items():
        points = [point for point in scatter.points if point.role == role]
        if not points:
            continue
        across, up = [point.across for point in points], [point.up for point in points]
        x, y = _values(across), _values(up)
        axes.errorbar(x, y, _reach(up), _reach(across), "o", color=colour, markersize=4, elinewidth=0.7, label=role)
        if role != "floor":
            for point, place in zip(points, zip(x, y, strict=True), strict=True):
                text = axes.annotate(point.name, place, (4, 4), textcoords="offset points", size=_SMALL, color=colour)
                text.set_parse_math(False)
    axes.set_xlabel(scatter.across, size=_SMALL, parse_math=False)
    axes.set_ylabel(scatter.up, size=_SMALL, parse_math=False)
    axes.tick_params(labelsize=_SMALL)
    axes.legend(fontsize=_SMALL, frameon=False)
    return figure


def _values(metrics: Sequence[Metric]) -> list[float]:
    return [metric.value for metric in metrics if metric.value is not None]


def _reach(metrics: Sequence[Metric]) -> list[list[float]]:
    """How far intervals reach below and above the values, (2, metrics); 0 where there is none."""
    below = [
        max(value - (value if own.low is None else own.low), 0.0)
        for own, value in zip(metrics, _values(metrics), strict=True)
    ]
    above = [
        max((value if own.high is None else own.high) - value, 0.0)
        for own, value in zip(metrics, _values(metrics), strict=True)
    ]
    return [below, above]


def _scatters(first: Records, second: Records) -> Iterator[Scatter]:
    groups = [sorted(groups_of(records).items()) for records in (first, second)]
    for (own, across), (other, up) in product(*groups):
        points = tuple(_points(across, up))
        if points and not own.simulated and not other.simulated:
            yield Scatter(points, _axis(across[0][1], points[0].across), _axis(up[0][1], points[0].up))


def _points(across: Records, up: Records) -> Iterator[Point]:
    known = {record.model.identity: metric for record, metric in _headlines(up)}
    names = labels(across)
    seen = set()
    for record, metric in sorted(_headlines(across), key=lambda item: item[0].model.card.name):
        identity = record.model.identity
        if identity in known and identity not in seen:
            seen.add(identity)
            yield Point(one_line(names[record.cell]), record.model.card.role, metric, known[identity])


def _headlines(records: Records) -> Iterator[tuple[ResultRecord, Metric]]:
    for _, record in records:
        metric = record.metrics.get(record.task.headline)
        if metric is not None and metric.value is not None:
            yield record, metric


def _axis(record: ResultRecord, metric: Metric) -> str:
    limit = f", limit {record.limit}" if record.limit else ""
    better = "lower" if metric.higher_is_better is False else "higher"
    return one_line(f"{record.task.name}: {record.task.headline} on {record.dataset.name}{limit} ({better} is better)")
