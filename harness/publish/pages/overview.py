"""The overall picture that README.md opens with: models down, tasks across, headlines and gains in every cell."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil
from pathlib import Path

from harness.publish.escape import markdown
from harness.publish.groups import section_title
from harness.publish.pages.markup import cell, signed, size_of, small, table
from harness.publish.scores import Boards, Score

README = "README.md"
MOST_IN_A_CELL = 3
MOST_ACROSS = 4
"""Tasks that fit beside each other on a page 830 pixels wide."""
_START, _END = "<!-- standings -->", "<!-- end of standings -->"


def overview(by_task: Mapping[str, Boards], compared: str = "") -> str:
    """Every model on every task on real data, few tasks across: in each cell the tables of that task with most models.

    Tables without room are counted. ``compared`` is the line that leads to the comparisons, where there are any.
    """
    columns = {task: boards for task, standings in sorted(by_task.items()) if (boards := _on_real_data(standings))}
    parts: list[str] = []
    if columns:
        tasks = list(columns)
        across = ceil(len(tasks) / ceil(len(tasks) / MOST_ACROSS))
        for first in range(0, len(tasks), across):
            parts.append(_across({task: columns[task] for task in tasks[first : first + across]}))
        parts.append(
            "For every dataset: the headline; the gain over the hardest floor with its 95 % interval, where below zero "
            "a floor does better; and the rank among the models with results on the same items."
        )
    if left := sum(max(0, len(boards) - MOST_IN_A_CELL) for boards in columns.values()):
        parts.append(f"{left} further tables on real data are on the pages:")
    links = [f"- [{markdown(task)}]({task}.md): {_datasets(standings)}" for task, standings in sorted(by_task.items())]
    links += [compared] if compared else []
    return "\n\n".join([*parts, "\n".join(links)])


def _across(columns: Mapping[str, Boards]) -> str:
    """The table of some tasks, with the models that have a result on any of them."""
    rows: dict[str, list[list[str]]] = {}
    for place, boards in enumerate(columns.values()):
        for group, _, standing in _largest(boards):
            for own in standing.models:
                about = size_of(own.record.model.card.parameters)
                name = f"**{markdown(own.name)}**{small(about)}"
                rows.setdefault(name, [[] for _ in columns])[place].append(_entry(own, group.chosen))
    header = ["model", *(_heading(task, boards[0][2].models[0]) for task, boards in columns.items())]
    return table(header, [[name, *map(_cell, cells)] for name, cells in sorted(rows.items())])


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


def _on_real_data(standings: Boards) -> Boards:
    return [one for one in standings if one[2].models and not one[0].simulated]


def _largest(boards: Boards) -> Boards:
    """The tables of most models, in the order of the page; last that of a best layer beside one of last layers."""
    of_last_layers = {_datasets([board]) for board in boards if not board[0].chosen}

    def key(place: int) -> tuple[bool, int, int]:
        group, _, standing = board = boards[place]
        return group.chosen and _datasets([board]) in of_last_layers, -len(standing.models), place

    ranked = sorted(range(len(boards)), key=key)
    return [boards[place] for place in sorted(ranked[:MOST_IN_A_CELL])]


def _heading(task: str, own: Score) -> str:
    better = ", lower is better" if own.headline.higher_is_better is False else ""
    return f"[{markdown(task)}]({task}.md){small(markdown(own.record.task.label(own.record.task.headline)) + better)}"


def _entry(own: Score, chosen: bool) -> str:
    gain = signed(own.gain.smallest).replace("<br><sub>", " ").replace("</sub>", "") if own.gain else "–"
    rank = f", rank {own.rank}" if own.rank != "–" else ""
    where = markdown(section_title(own.record)) + (", best layer" if chosen else "")
    return f"{cell(own.headline).partition('<')[0]} <sub>{where}</sub><br><sub>gain {gain}{rank}</sub>"


def _cell(entries: list[str]) -> str:
    return "<br>".join(entries) or "–"


def _datasets(standings: Boards) -> str:
    return ", ".join(dict.fromkeys(markdown(members[0][1].dataset.name) for _, members, _ in standings))
