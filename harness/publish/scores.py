"""What a table says of each result: its headline with draws, its gain over the floors, its rank.

Everything is turned so that higher is better; what is written on a page keeps the sign of the metric.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from harness.publish.groups import Group, Records, groups_of, labels
from harness.result import ResultRecord
from harness.statistics.bootstrap import Estimate
from harness.statistics.draws import read_draws
from harness.statistics.gains import Gain, smallest_gain
from harness.statistics.ranks import Ranks, rank_intervals
from harness.task import Metric, Place, TableRow
from harness.twins import twin_of

UNKNOWN = Metric(value=None)


@dataclass(frozen=True)
class Score:
    """A done record among comparable ones.

    ``estimate`` is its headline with draws, None in older records; ``inside`` holds those of the controls that ran in
    the same cell, by source. ``gain`` and ``rank`` are there where floors or other models share its items and draws.
    """

    path: Path
    record: ResultRecord
    name: str
    estimate: Estimate | None
    inside: Mapping[str, Estimate] = field(default_factory=dict)
    gain: Gain | None = None
    rank: str = "–"

    @property
    def headline(self) -> Metric:
        return self.record.metrics.get(self.record.task.headline, UNKNOWN)

    @property
    def worth(self) -> float:
        """The headline, higher is better; least where there is none."""
        value = self.headline.value
        return float("-inf") if value is None else value * sign(self.record)


@dataclass(frozen=True)
class Board:
    """Comparable results in the order of a page: models, best first, and what they are set beside.

    ``ranks`` are those of ``ranked``, models that share items and draws; None on simulated data.
    """

    models: tuple[Score, ...]
    controls: tuple[Score, ...]
    ranked: tuple[Score, ...] = ()
    ranks: Ranks | None = None


Boards = list[tuple[Group, Records, Board]]


def sign(record: ResultRecord) -> int:
    """-1 where a lower headline is better."""
    return -1 if record.metrics.get(record.task.headline, UNKNOWN).higher_is_better is False else 1


def boards(records: Records) -> Boards:
    """Of one task: every group of comparable records with its members and its board, in the order of a page."""
    return [(group, members, board(members)) for group, members in sorted(groups_of(records).items())]


def board(members: Records) -> Board:
    """The done records of one group of comparable ones; simulated data are in the order of names and without ranks."""
    names = labels(members)
    scores = [_score(path, record, names[record.cell]) for path, record in members if record.status == "done"]
    simulated = any(own.record.dataset.simulated for own in scores)
    scores.sort(key=lambda own: (0.0 if simulated else -own.worth, own.name, own.record.cell))
    models = [own for own in scores if own.record.model.card.role == "model"]
    controls = [own for own in scores if own.record.model.card.role != "model"]
    floors = [own for own in controls if own.record.model.card.role == "floor"]
    models = [replace(own, gain=_gain(own, floors)) for own in models]
    ranked = [] if simulated else _alike(models)
    if len(ranked) < 2:
        return Board(tuple(models), tuple(controls))
    ranks = rank_intervals([own.estimate for own in ranked if own.estimate is not None])
    places = {own.record.cell: ranks.label(place) for place, own in enumerate(ranked)}
    models = [replace(own, rank=places.get(own.record.cell, "–")) for own in models]
    return Board(tuple(models), tuple(controls), tuple(ranked), ranks)


def headline_rows(record: ResultRecord, layer: int | None) -> list[TableRow]:
    """The headline metric of every source at a layer, over all seeds and strata, in the order of roles."""
    order = ("model", "floor", "ablation", "reference")
    rows = [
        row
        for row in record.table
        if row.name == record.task.headline and row.layer == layer and row.seed is None and not row.stratum
    ]
    return sorted(rows, key=lambda row: order.index(record.roles.get(row.source, "model")))


def controls_inside(record: ResultRecord) -> list[TableRow]:
    """The headline of every control that ran in the cell, at the layer of the headline."""
    layer = record.basis.layer if record.basis else None
    return [row for row in headline_rows(record, layer) if record.roles.get(row.source, "model") != "model"]


def draws_of(path: Path, record: ResultRecord) -> Mapping[Place, Estimate]:
    """The draws beside a record; none beside an older one."""
    file = path.with_suffix("") / "draws.parquet"
    return read_draws(file) if f"{record.cell}/{file.name}" in record.files else {}


def place_of(record: ResultRecord, metric: str, draws: Mapping[Place, Estimate]) -> Place | None:
    """Where the draws of a metric of the record are.

    Tasks name their places in their own words. A metric and the estimate that it was made of hold the same value, to
    the bit, and the same number of items. A metric of another layer, such as the best one, has its draws there.
    """
    own, layer = record.metrics.get(metric, UNKNOWN), record.basis.layer if record.basis else None
    found = [place for place, estimate in draws.items() if estimate.value == own.value and estimate.n == own.n]
    return min(found, key=lambda place: (place.layer not in (None, layer), place.metric != metric), default=None)


def estimate_of(record: ResultRecord, metric: str, draws: Mapping[Place, Estimate]) -> Estimate | None:
    """A metric of the record with its draws, turned so that higher is better."""
    place = place_of(record, metric, draws)
    if place is None:
        return None
    return _turned(draws[place], -1 if record.metrics[metric].higher_is_better is False else 1)


def pairs_with(first: Estimate, second: Estimate) -> bool:
    """Whether two estimates are of the same draws of as many items."""
    return len(first.draws) == len(second.draws) and first.n == second.n


def _score(path: Path, record: ResultRecord, name: str) -> Score:
    draws = draws_of(path, record)
    place = place_of(record, record.task.headline, draws)
    if place is None:
        return Score(path, record, name, None)
    inside = {
        other.source: _turned(estimate, sign(record))
        for other, estimate in draws.items()
        if other._replace(source=place.source) == place and record.roles.get(other.source, "model") != "model"
    }
    return Score(path, record, name, _turned(draws[place], sign(record)), inside)


def _turned(estimate: Estimate, direction: int) -> Estimate:
    return Estimate(direction * estimate.value, direction * estimate.draws, estimate.n, estimate.note)


def _gain(own: Score, floors: Sequence[Score]) -> Gain | None:
    """Over the floors inside the cell, those of the group, and the model's own twins, not those of others."""
    if own.estimate is None:
        return None
    found = {source: one for source, one in own.inside.items() if own.record.roles.get(source) == "floor"}
    for floor in floors:
        if floor.estimate is not None and twin_of(floor.record.model.card.name) in (None, own.record.model.card.name):
            found[floor.name] = floor.estimate
    found = {name: floor for name, floor in found.items() if pairs_with(own.estimate, floor)}
    return smallest_gain(own.estimate, found) if found else None


def _alike(models: Sequence[Score]) -> list[Score]:
    """The models with draws that pair: of as many draws and items as most have."""
    kinds = Counter((len(own.estimate.draws), own.estimate.n) for own in models if own.estimate is not None)
    usual = max(kinds, key=lambda kind: (kinds[kind], kind), default=None)
    return [own for own in models if own.estimate and (len(own.estimate.draws), own.estimate.n) == usual]
