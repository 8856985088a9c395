"""What a sweep found: every model under every combination of settings, and how their order moves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

from harness.publish.groups import section_title
from harness.publish.scores import Score, boards, sign
from harness.result import ResultRecord
from harness.statistics.bootstrap import Interval
from harness.task import Metric

STABILITY = "stability"
"""The metric that tasks with sparse autoencoders have: the share of features that seeds agree on."""
Values = tuple[tuple[str, str], ...]
"""Settings with a value each, as typed."""


class SweptRecord(NamedTuple):
    """A record and the values it was swept with; ``asked`` where its model was asked for, not a control."""

    values: Values
    path: Path
    record: ResultRecord
    asked: bool


@dataclass(frozen=True)
class Standing:
    """One model under one combination.

    ``place`` is its place among the models that are ranked, ``ranks`` the first and last rank that it may hold; both
    None where models are not ranked: a single one, or on simulated data.
    """

    values: Values
    score: Score
    place: int | None = None
    ranks: tuple[int, int] | None = None

    @property
    def name(self) -> str:
        return self.score.name

    @property
    def stability(self) -> Metric | None:
        return self.score.record.metrics.get(STABILITY)

    @property
    def gain(self) -> Interval | None:
        """Over every floor; higher is better."""
        return None if self.score.gain is None else self.score.gain.smallest


@dataclass(frozen=True)
class Trial:
    """One task on one dataset: what was done under every combination, in the order of the sweep, best model first."""

    title: str
    standings: tuple[Standing, ...]
    missing: tuple[SweptRecord, ...]

    @property
    def record(self) -> ResultRecord:
        return self.standings[0].score.record

    @property
    def headline(self) -> str:
        """In words, and which way is better where that is down."""
        task = self.record.task
        return task.label(task.headline) + (" (lower is better)" if sign(self.record) < 0 else "")

    @cached_property
    def models(self) -> list[str]:
        return list(dict.fromkeys(own.name for own in self.standings))

    @cached_property
    def combinations(self) -> list[Values]:
        return list(dict.fromkeys(own.values for own in self.standings))

    def of(self, model: str) -> list[Standing]:
        return [own for own in self.standings if own.name == model]

    @cached_property
    def orders(self) -> Mapping[Values, tuple[str, ...]]:
        """Models by place, under every combination that ranks them."""
        found = {}
        for values in self.combinations:
            ranked = [own for own in self.standings if own.values == values and own.place is not None]
            if len(ranked) > 1:
                found[values] = tuple(own.name for own in sorted(ranked, key=lambda own: own.place or 0))
        return found

    @property
    def usual_order(self) -> tuple[str, ...]:
        """The most common order, the first of equals."""
        return Counter(self.orders.values()).most_common(1)[0][0]

    @property
    def other_orders(self) -> int:
        """How many combinations put the models in another order than the usual one."""
        return sum(order != self.usual_order for order in self.orders.values())

    def moves(self, model: str) -> tuple[int, int]:
        """In how many combinations a model has another place than its most common one, and of how many."""
        places = [own.place for own in self.of(model) if own.place is not None]
        return len(places) - max(Counter(places).values(), default=0), len(places)

    @property
    def reversals(self) -> list[tuple[str, str]]:
        """Pairs of models of which one ranks above the other with certainty here, and below it with certainty there.

        With certainty: the ranks that one may hold are all above those that the other may.
        """
        found = []
        for first, second in combinations(self.models, 2):
            ranks = {own.values: own.ranks for own in self.of(first)}
            signs = set()
            for own in self.of(second):
                mine, other = ranks.get(own.values), own.ranks
                if mine is not None and other is not None and (mine[1] < other[0] or other[1] < mine[0]):
                    signs.add(mine[1] < other[0])
            if len(signs) == 2:
                found.append((first, second))
        return found


def trials(swept: Sequence[SweptRecord]) -> list[Trial]:
    """A trial for every task and dataset, in the order of the sweep."""
    groups: dict[tuple[str, str], list[SweptRecord]] = {}
    for own in swept:
        groups.setdefault((own.record.task.name, own.record.dataset.name), []).append(own)
    found = []
    for (task, _), members in groups.items():
        standings = [
            standing
            for values in dict.fromkeys(own.values for own in members)
            for standing in _standings(values, [own for own in members if own.values == values])
        ]
        missing = tuple(own for own in members if own.asked and own.record.status != "done")
        found.append(Trial(f"{task} on {section_title(members[0].record)}", tuple(standings), missing))
    return found


def _standings(values: Values, members: Sequence[SweptRecord]) -> list[Standing]:
    """The models asked for, under one combination. A model in two groups of comparable results stands in the first in
    which it is ranked, and else in the first."""
    asked = {own.record.cell for own in members if own.asked}
    found: dict[str, Standing] = {}
    for _, _, board in boards([(own.path, own.record) for own in members]):
        ranked = {own.record.cell: place for place, own in enumerate(board.ranked)}
        for score in (*board.models, *board.controls):
            cell = score.record.cell
            standing = Standing(values, score)
            if board.ranks is not None and cell in ranked:
                place = ranked[cell]
                standing = Standing(values, score, place + 1, (board.ranks.low[place], board.ranks.high[place]))
            if cell in asked and (cell not in found or (found[cell].place is None and standing.place is not None)):
                found[cell] = standing
    return list(found.values())
