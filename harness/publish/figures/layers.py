"""Where in a model two tasks are read best: the scores of both at each of its layers, and what either peak costs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from pathlib import Path

import numpy as np

from harness.publish.escape import markdown
from harness.publish.figures.drawing import LINE, WIDTH, Canvas, scale_of, series, told
from harness.publish.figures.values import Figure, Trial, seed_of
from harness.publish.format import with_interval
from harness.publish.links import record_link
from harness.publish.pages.markup import cell, table
from harness.publish.scores import Score, controls_inside, draws_of, sign
from harness.statistics.bootstrap import Estimate, Interval
from harness.task import EACH_LAYER, Metric

TITLE = "Layers of one model"
ABOUT = (
    "Does one layer of a model hold what one task reads, such as structure, and another what a second task reads, such "
    "as families? Lines are the scores of both tasks at each layer, broken ones the hardest floor of either inside its "
    "cell. The layer of either task is chosen on validation items; its cost is what the task loses on "
    "test items at the layer of the other. A trade-off is concluded only where both costs are beyond their intervals. "
    "The peak on test is shown with the layers that 95 % of the bootstrap draws agree on."
)
_LEFT, _RIGHT, _TOP, _HIGH, _GAP = 70, 640, 30, 170, 70


@dataclass(frozen=True)
class Layers:
    """The scores of one task by layer, higher is better, with draws over the same items, and those on validation."""

    own: Score
    test: dict[int, Estimate]
    validation: dict[int, float]
    floor: float | None

    @property
    def task(self) -> str:
        return self.own.record.task.name

    def chosen(self, layers: Sequence[int]) -> int:
        """By validation; the lowest among equals."""
        return max(layers, key=lambda layer: (self.validation[layer], -layer))

    def peaks(self, layers: Sequence[int]) -> Estimate:
        """The layer with the best test score, as it is in each draw."""
        values = np.stack([self.test[layer].draws for layer in layers])
        best = max(layers, key=lambda layer: self.test[layer].value)
        return Estimate(float(best), np.asarray(layers, dtype=np.float64)[values.argmax(axis=0)], self.test[best].n)

    def score(self, layer: int) -> Metric:
        own = self.test[layer].interval()
        return Metric(value=own.value, low=own.low, high=own.high, n=own.n)


@dataclass(frozen=True)
class Both:
    """Two tasks on the layers of one model that have scores of both."""

    first: Layers
    second: Layers

    @property
    def layers(self) -> list[int]:
        return sorted(set(self.first.test) & set(self.second.test))

    @cached_property
    def chosen(self) -> tuple[int, int]:
        return self.first.chosen(self.layers), self.second.chosen(self.layers)

    @cached_property
    def costs(self) -> tuple[Interval, Interval]:
        """What each loses on test at the layer of the other; paired, and free of the choice, which is validation's."""
        one, other = self.chosen
        first = self.first.test[one] - self.first.test[other]
        second = self.second.test[other] - self.second.test[one]
        return first.interval(), second.interval()

    def difference(self) -> Interval:
        """The peak of the first minus that of the second, in layers.

        The tasks have items of their own, so that their draws are independent; one side is shuffled, since equal seeds
        would draw alike.
        """
        one, other = self.first.peaks(self.layers), self.second.peaks(self.layers)
        count = min(len(one.draws), len(other.draws))
        order = np.random.default_rng(seed_of((self.first.own, self.second.own))).permutation(count)
        return Estimate(one.value - other.value, one.draws[:count] - other.draws[:count][order], one.n).interval()

    @property
    def traded(self) -> bool:
        return self.chosen[0] != self.chosen[1] and all(own.low > 0 for own in self.costs)


def layer_figures(trials: Sequence[Trial], out: Path) -> Iterator[Figure]:
    """One figure for every two tasks and their datasets that share a model with scores by layer."""
    found = [
        (trial, {own.record.model.identity: one for own in trial.board.models if (one := layers_of(own))})
        for trial in trials
    ]
    for (first, left), (second, right) in combinations(found, 2):
        if first.task == second.task:
            continue
        pairs = [Both(one, right[name]) for name, one in left.items() if name in right]
        if pairs := [pair for pair in pairs if len(pair.layers) > 1]:
            yield Figure(
                where=f"{first.where}, against {second.where}",
                name=first.file_name(f"layers-{second.file_name('by')[:-4]}"),
                picture=_picture(pairs),
                table=_table(pairs, out),
                answer=" ".join(map(_sentence, pairs)),
            )


def layers_of(own: Score) -> Layers | None:
    """None where the record has no draws of several layers, or no score of them on validation."""
    record = own.record
    validation = {
        row.layer: row.value
        for row in record.table
        if row.stratum == EACH_LAYER
        and row.name.endswith("validation")
        and record.roles.get(row.source) == "model"
        and row.layer is not None
        and row.value is not None
    }
    test = {
        place.layer: Estimate(sign(record) * one.value, sign(record) * one.draws, one.n)
        for place, one in draws_of(own.path, record).items()
        if place.stratum == EACH_LAYER and place.layer in validation and place.layer is not None
    }
    if len(test) < 2:
        return None
    rows = controls_inside(record)
    floors = [sign(record) * row.value for row in rows if record.roles[row.source] == "floor" and row.value is not None]
    return Layers(own, test, {layer: validation[layer] for layer in test}, max(floors, default=None))


def _sentence(pair: Both) -> str:
    name, (one, other) = markdown(pair.first.own.name), pair.chosen
    first, second = markdown(pair.first.task), markdown(pair.second.task)
    unknown = f"Whether layers of {name} trade one for the other **cannot be told**"
    if one == other:
        return f"{unknown}: validation prefers layer {one} for both."
    costs = (
        f"{first} loses {_told(pair.costs[0])} at layer {other}, {second} loses {_told(pair.costs[1])} at layer {one}"
    )
    if pair.traded:
        return f"**Layers of {name} trade {first} for {second}**: {costs}."
    return f"{unknown}: {costs}."


def _told(own: Interval) -> str:
    return with_interval(Metric(value=own.value, low=own.low, high=own.high))


def _picture(pairs: Sequence[Both]) -> str:
    canvas = Canvas(TITLE)
    for place, pair in enumerate(pairs):
        top = _TOP + place * (_HIGH + _GAP)
        sides = [{layer: own.score(layer) for layer in pair.layers} for own in (pair.first, pair.second)]
        also = [
            Metric(value=0.0),
            *(Metric(value=own.floor) for own in (pair.first, pair.second) if own.floor is not None),
        ]
        up = scale_of([*also, *(one for own in sides for one in own.values())], top + _HIGH, top)
        step = (_RIGHT - _LEFT) / len(pair.layers)
        canvas.text("bold", _LEFT, top - 12, pair.first.own.name)
        canvas.grid_up(up, _LEFT, _RIGHT)
        canvas.line("axis", _LEFT, up(0), _RIGHT, up(0))
        ends = []
        for side, (own, values) in enumerate(zip((pair.first, pair.second), sides, strict=True)):
            line = []
            for number, (layer, value) in enumerate(values.items()):
                assert value.value is not None
                x, y = _LEFT + step * (number + 0.5) + 6 * side - 3, up(value.value)
                canvas.interval_up(series(side), x, value, up)
                if layer == pair.chosen[side]:
                    canvas.diamond(
                        series(side), x, y, told(f"{own.task}, layer {layer}, preferred by validation", value)
                    )
                else:
                    canvas.dot(series(side), x, y, told(f"{own.task}, layer {layer}", value))
                line.append((x, y))
            canvas.curve(series(side), line)
            if own.floor is not None:
                canvas.line(f"curve broken {series(side)}", _LEFT, up(own.floor), _RIGHT, up(own.floor))
            ends.append((series(side), own.task, line[-1][1]))
        canvas.column_of_names(_RIGHT + 10, ends)
        every = -(-len(pair.layers) // 16)
        for number, layer in enumerate(pair.layers):
            if number % every == 0:
                canvas.text("quiet", _LEFT + step * (number + 0.5), top + _HIGH + 16, str(layer), "middle")
    height = _TOP + len(pairs) * (_HIGH + _GAP)
    words = "layer; diamonds: preferred by validation; upright lines: 95 % intervals; broken lines: hardest floors"
    canvas.text("quiet", WIDTH / 2, height - _GAP + 38, words, "middle")
    return canvas.svg(height - _GAP + 38 + LINE)


def _table(pairs: Sequence[Both], out: Path) -> str:
    header = [
        "model",
        "task",
        "layer by validation",
        "score there",
        "cost at the other's",
        "peak on test",
        "peaks apart",
        "record",
    ]
    rows = []
    for pair in pairs:
        apart = pair.difference()
        start = [markdown(pair.first.own.name), f"{apart.value:+.0f} [{apart.low:+.0f}, {apart.high:+.0f}]"]
        for own, layer, cost in zip((pair.first, pair.second), pair.chosen, pair.costs, strict=True):
            peak, score = own.peaks(pair.layers).interval(), own.test[layer].interval()
            where = f"{peak.value:.0f} [{peak.low:.0f}, {peak.high:.0f}]"
            link = record_link(own.own.record, own.own.path, out)
            shown = [cell(Metric(value=one.value, low=one.low, high=one.high), whole=True) for one in (score, cost)]
            rows.append([start[0], markdown(own.task), str(layer), *shown, where, start[1], link])
            start = ["", ""]
    return table(header, rows)
