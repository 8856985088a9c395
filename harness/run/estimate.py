"""What cells will cost, from what like cells have cost: the records in the same folder."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import median
from typing import NamedTuple

from harness.result import ResultRecord
from harness.run.cell import Cell


class Estimate(NamedTuple):
    """Seconds, and what they were taken from."""

    seconds: float
    source: str


def estimates(cells: Sequence[Cell], records: Iterable[ResultRecord]) -> list[Estimate | None]:
    """The median time of finished cells of the same task, dataset and model; else of the task and dataset; else None.

    Other settings and another device count as like: this is an estimate, not a promise.
    """
    known: dict[tuple[str, ...], list[float]] = {}
    for record in records:
        if record.status == "done" and record.environment.seconds:
            spent = sum(record.environment.seconds.values())
            where = (record.task.name, record.dataset.name)
            for key in ((*where, record.model.card.name), where):
                known.setdefault(key, []).append(spent)

    def one(cell: Cell) -> Estimate | None:
        where = (cell.task.card.name, cell.dataset.card.name)
        own, alike = known.get((*where, cell.model.card.name)), known.get(where)
        if own:
            return Estimate(median(own), "this model")
        return Estimate(median(alike), "other models") if alike else None

    return [one(cell) for cell in cells]
