"""Floors, ablations and references in one row a name: the twins of a model, the sources inside cells."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import fmean

from harness.publish.format import HasInterval, number
from harness.publish.pages.markup import cell, small
from harness.publish.scores import Board, Score, controls_inside
from harness.twins import twin_of

_ORDER = ("floor", "ablation", "reference")


@dataclass(frozen=True)
class Summary:
    """Controls of one name. ``members`` are their records, none where they ran inside the cells of models."""

    name: str
    role: str
    found: tuple[HasInterval, ...]
    members: tuple[Score, ...] = ()

    @property
    def values(self) -> list[float]:
        return [own.value for own in self.found if own.value is not None]

    @property
    def mean(self) -> float | None:
        return fmean(self.values) if self.values else None

    @property
    def about(self) -> str:
        """The role, and how many initialisations, or models, the mean is of."""
        return f"{self.role}, mean of {len(self.found)}" if len(set(self.values)) > 1 else self.role

    @property
    def headline(self) -> str:
        """A value with its interval, or the mean and the range of several."""
        if len(set(self.values)) <= 1:
            return cell(self.found[0], whole=True)
        return number(self.mean) + small(f"{number(min(self.values))}&nbsp;to&nbsp;{number(max(self.values))}")


def summaries(standing: Board) -> list[Summary]:
    """Everything that models are set beside, by role, in the order of the board."""
    cells: dict[tuple[str, str], list[Score]] = {}
    for own in standing.controls:
        card = own.record.model.card
        base = twin_of(card.name)
        name = f"{base} with random weights" if base else own.name
        cells.setdefault((name, card.role), []).append(own)
    inside: dict[tuple[str, str], list[HasInterval]] = {}
    for own in standing.models:
        for row in controls_inside(own.record):
            inside.setdefault((row.source, own.record.roles[row.source]), []).append(row)
    found = [Summary(*key, tuple(own.headline for own in members), tuple(members)) for key, members in cells.items()]
    found += [Summary(*key, tuple(rows)) for key, rows in inside.items()]
    return sorted(found, key=lambda one: _ORDER.index(one.role))


def of_model(own: Score, standing: Board) -> Iterator[tuple[str, str, HasInterval]]:
    """Name, role and headline of every control of one model, its own twins one by one and not those of others."""
    for row in controls_inside(own.record):
        yield row.source, own.record.roles[row.source], row
    for other in standing.controls:
        card = other.record.model.card
        if twin_of(card.name) in (None, own.record.model.card.name):
            yield other.name, card.role, other.headline
