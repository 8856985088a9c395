"""Numbers of all models and controls side by side, by kinds of items: rows of records named ``NUMBER_by_KIND``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from harness.publish.escape import markdown
from harness.publish.format import number
from harness.publish.pages.markup import cell, table
from harness.publish.scores import Score
from harness.task import TableRow
from harness.twins import twin_of

MOST_COLUMNS = 5
"""Models and controls side by side."""
_BY = "_by_"
_NUMBER = re.compile(r"[:-]\d+$")


def breakdowns(scores: Sequence[Score]) -> Iterator[tuple[str, str]]:
    """Title and table of every number that a record has by a kind, in the order of the records.

    A line for every kind, a column for every model and control, in tables that fit on a page. Of controls that differ
    in a number alone, as k-mers and random twins do, the first is shown, which is the best, and of floors that ran in
    the cell of a model the hardest.
    """
    first: dict[str, Score] = {}
    for own in scores:
        first.setdefault(alike(own), own)
    shown = list(first.values())
    rows = {column: found for own in shown for column, found in _columns(own).items()}
    names = dict.fromkeys(row.name for own in rows.values() for row in own)
    for name in names:
        columns = {
            own: {row.stratum: row for row in found if row.name == name}
            for own, found in rows.items()
            if any(row.name == name for row in found)
        }
        kinds = dict.fromkeys(kind for own in columns.values() for kind in own)
        base, _, kind_name = name.partition(_BY)
        task = shown[0].record.task
        units = {kind: _count(list(columns.values()), kind) for kind in kinds}
        tables, beside = [], list(columns.items())
        for start in range(0, len(beside), MOST_COLUMNS):
            part = beside[start : start + MOST_COLUMNS]
            lines = [[markdown(kind), units[kind], *(cell(own.get(kind)) for _, own in part)] for kind in kinds]
            tables.append(table([kind_name.replace("_", " "), "n", *(markdown(own) for own, _ in part)], lines))
        yield f"{markdown(task.label(base))} by {kind_name.replace('_', ' ')}", "\n\n".join(tables)


def _columns(own: Score) -> dict[str, list[TableRow]]:
    """Rows by kind under the name of a result; those of what ran in its cell under that name and their own."""
    rows = [row for row in own.record.table if _BY in row.name and row.seed is None]
    several = len({row.source for row in rows}) > 1
    found: dict[str, list[TableRow]] = {}
    for row in rows:
        role = own.record.roles.get(row.source, "model") if several else "model"
        if role == "model":
            found.setdefault(own.name, []).append(row)
        elif role == "reference" or (own.gain and own.gain.hardest == row.source):
            found.setdefault(f"{own.name}: {row.source}", []).append(row)
    return found


def alike(own: Score) -> str:
    """The name, of controls without the number in which they may differ."""
    name = own.record.model.card.name
    alone = own.record.model.card.role == "model" and twin_of(name) is None
    return name if alone else _NUMBER.sub("", name)


def _count(columns: Sequence[dict[str, TableRow]], kind: str) -> str:
    """How many units, where all agree."""
    counts = {own[kind].n for own in columns if kind in own}
    return number(counts.pop()) if len(counts) == 1 else ""
