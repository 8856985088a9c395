"""The overall picture that README.md opens with: models down, tasks across, headline and gain in every cell."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from harness.publish.escape import markdown
from harness.publish.groups import section_title
from harness.publish.pages.markup import cell, signed, size_of, small, table
from harness.publish.scores import Board, Boards, Score

README = "README.md"
MOST_COLUMNS = 7
_START, _END = "<!-- standings -->", "<!-- end of standings -->"


class Column(NamedTuple):
    """One group of comparable results on real data."""

    task: str
    title: str
    standing: Board


def overview(by_task: Mapping[str, Boards]) -> str:
    """Every model on every task: the tables of real data with most models, each a column of its own.

    What is not comparable stands in different columns, and what has no column is counted.
    """
    every = list(_columns(by_task))
    shown = _chosen(every)
    rows: dict[str, list[str]] = {}
    for place, column in enumerate(shown):
        for own in column.standing.models:
            about = size_of(own.record.model.card.parameters)
            name = f"**{markdown(own.name)}**{small(about)}"
            rows.setdefault(name, ["–"] * len(shown))[place] = _cell(own)
    links = [f"- [{markdown(task)}]({task}.md): {_datasets(standings)}" for task, standings in sorted(by_task.items())]
    parts = []
    if rows:
        header = ["model", *(f"[{markdown(one.task)}]({one.task}.md){small(one.title)}" for one in shown)]
        parts.append(table(header, [[name, *cells] for name, cells in sorted(rows.items())]))
        parts.append(
            "In every cell: the headline; the gain over the hardest floor with its 95 % interval, where below zero a "
            "floor does better; and the rank among the models of that column. Columns are never compared."
        )
    if len(every) > len(shown):
        parts.append(f"{len(every) - len(shown)} further tables on real data are on the pages:")
    return "\n\n".join([*parts, "\n".join(links)])


def with_overview(text: str, standings: str) -> str:
    """A README with the overall picture between its markers, below the title where it has none yet."""
    block = f"{_START}\n\n{standings}\n\n{_END}"
    before, marker, rest = text.partition(_START)
    if marker:
        return f"{before}{block}{rest.partition(_END)[2]}"
    title, _, rest = (text or "# Leaderboards\n").partition("\n")
    return f"{title}\n\n{block}\n{rest}"


def read_readme(path: Path) -> str:
    """What the README says now; empty where there is none."""
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def _columns(by_task: Mapping[str, Boards]) -> Iterator[Column]:
    for task, standings in sorted(by_task.items()):
        for group, _, standing in standings:
            if standing.models and not group.simulated:
                record = standing.models[0].record
                better = ", lower is better" if standing.models[0].headline.higher_is_better is False else ""
                told = f"{record.task.label(record.task.headline)}{better}"
                yield Column(task, f"{markdown(section_title(record))}:<br>{markdown(told)}", standing)


def _chosen(every: list[Column]) -> list[Column]:
    """The table of most models of every task, then others by their number of models."""

    def weight(column: Column) -> tuple[bool, int, int]:
        first = max((one for one in every if one.task == column.task), key=lambda one: len(one.standing.models))
        return column is not first, -len(column.standing.models), every.index(column)

    chosen = sorted(every, key=weight)[:MOST_COLUMNS]
    return [column for column in every if column in chosen]


def _cell(own: Score) -> str:
    gain = signed(own.gain.smallest).replace("<br><sub>", "<br>").replace("</sub>", "") if own.gain else "–"
    rank = f"<br>rank {own.rank}" if own.rank != "–" else ""
    return f"{cell(own.headline).partition('<')[0]}<br><sub>gain {gain}{rank}</sub>"


def _datasets(standings: Boards) -> str:
    return ", ".join(dict.fromkeys(markdown(members[0][1].dataset.name) for _, members, _ in standings))
