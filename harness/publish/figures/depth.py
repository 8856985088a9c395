"""What homologs buy: the headline of models that read alignments, by how many rows they were shown."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.publish.escape import markdown
from harness.publish.figures.drawing import LINE, Canvas, scale_of, series, told
from harness.publish.figures.values import Figure, Trial
from harness.publish.format import HasInterval, with_interval
from harness.publish.links import record_link
from harness.publish.pages.markup import cell, table
from harness.publish.scores import Score

TITLE = "Depth of the alignment"
ABOUT = (
    "How much of a model's score comes from homologs? Models that read alignments were scored again with alignments "
    "cut to fewer rows; one row is the sequence alone. The interval of every depth stands by itself, and homologs are "
    "said to help only where those of the fewest and of all rows do not overlap, which is stricter than a paired test."
)
STRATUM = re.compile(r"alignments of at most (\d+) rows")
"""What tasks call the rows of their tables that are of cut alignments."""
_LEFT, _NAMES, _TOP, _BOTTOM = 70, 650, 14, 300


@dataclass(frozen=True)
class Depths:
    """The headline of one model by depth, shallow first; depth None is the whole alignment."""

    model: Score
    points: tuple[tuple[int | None, HasInterval], ...]


def depth_figures(trials: Sequence[Trial], out: Path) -> Iterator[Figure]:
    """One figure for every trial with a model that was scored at several depths."""
    for trial in trials:
        found = [depths for own in trial.board.models if (depths := depths_of(own)) is not None]
        if found:
            yield Figure(
                where=trial.where,
                name=trial.file_name("by-depth"),
                picture=_picture(trial, found),
                table=_table(trial, found, out),
                answer=" ".join(_sentence(own, trial.direction) for own in found),
            )


def depths_of(own: Score) -> Depths | None:
    """None where the model was not scored at several depths."""
    rows = {
        int(cut[1]): row
        for row in own.record.table
        if row.name == own.record.task.headline and row.value is not None and (cut := STRATUM.fullmatch(row.stratum))
    }
    if not rows or own.headline.value is None:
        return None
    return Depths(own, (*sorted(rows.items()), (None, own.headline)))


def _sentence(own: Depths, direction: int) -> str:
    """Whether the whole alignment does better than the fewest rows, in Markdown."""
    name, (fewest, first), (_, last) = markdown(own.model.name), own.points[0], own.points[-1]
    numbers = f"{with_interval(first)} with {_rows(fewest)}, {with_interval(last)} with {_rows(None)}"
    if None not in (first.low, first.high, last.low, last.high):
        low, high = (first, last) if direction > 0 else (last, first)
        assert low.low is not None and low.high is not None and high.low is not None and high.high is not None
        if high.low > low.high:
            return f"**Homologs help {name}**: {numbers}."
        if high.high < low.low:
            return f"**Homologs harm {name}**: {numbers}."
    return f"Whether homologs help {name} **cannot be told**: {numbers}."


def _rows(depth: int | None) -> str:
    return "all rows" if depth is None else "1 row" if depth == 1 else f"{depth:,} rows"


def _picture(trial: Trial, found: Sequence[Depths]) -> str:
    canvas = Canvas(f"{TITLE}: {trial.axis}")
    depths = [*sorted({depth for own in found for depth, _ in own.points if depth is not None}), None]
    step = (_NAMES - 20 - _LEFT) / len(depths)
    up = scale_of([point for own in found for _, point in own.points], _BOTTOM, _TOP)
    canvas.grid_up(up, _LEFT, _NAMES - 20)
    canvas.line("axis", _LEFT, _BOTTOM, _NAMES - 20, _BOTTOM)
    for place, depth in enumerate(depths):
        canvas.text("quiet", _LEFT + step * (place + 0.5), _BOTTOM + 16, _rows(depth), "middle")
    ends = []
    for place, own in enumerate(found):
        kind, shift = series(place), 7 * (place - (len(found) - 1) / 2)
        line = []
        for depth, point in own.points:
            assert point.value is not None
            x, y = _LEFT + step * (depths.index(depth) + 0.5) + shift, up(point.value)
            canvas.interval_up(kind, x, point, up)
            canvas.dot(kind, x, y, told(f"{own.model.name}, {_rows(depth)}", point))
            line.append((x, y))
        canvas.curve(kind, line)
        ends.append((kind, own.model.name, line[-1][1]))
    canvas.column_of_names(_NAMES, ends)
    caption = f"rows of the alignment; upwards: {trial.axis}; lines: 95 % intervals"
    canvas.text("quiet", (_LEFT + _NAMES) / 2, _BOTTOM + 36, caption, "middle")
    return canvas.svg(_BOTTOM + 36 + LINE)


def _table(trial: Trial, found: Sequence[Depths], out: Path) -> str:
    header = ["model", "rows", markdown(trial.record.task.label(trial.record.task.headline)), "record"]
    rows = []
    for own in found:
        start, end = markdown(own.model.name), record_link(own.model.record, own.model.path, out)
        for depth, point in own.points:
            rows.append([start, _rows(depth).removesuffix(" rows").removesuffix(" row"), cell(point, whole=True), end])
            start = end = ""
    return table(header, rows)
