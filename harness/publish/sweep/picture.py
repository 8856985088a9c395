"""The picture of a sweep: a row for every combination, a column for the headline, gain, stability and place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from harness.publish.figures.drawing import LETTER, LINE, WIDTH, Canvas, Scale, scale_of, series, shortened
from harness.publish.format import HasInterval, number
from harness.publish.sweep.trials import STABILITY, Standing, Trial, Values
from harness.task import Metric

_TOP, _GAP, _RIGHT = 36, 34, 16
_WIDEST_LABEL = 280
_BETWEEN = 9
"""Pixels from one model to the next in a row."""


class _Panel(NamedTuple):
    title: str
    value: Callable[[Standing], HasInterval | None]


def picture(trial: Trial) -> str:
    """As SVG. Models keep their colour and their line within a row; dots of one model are joined down the rows."""
    canvas = Canvas(f"{trial.headline}: {trial.title}")
    row = max(24, _BETWEEN * len(trial.models) + 10)
    bottom = _TOP + row * len(trial.combinations)
    panels = [panel for panel in _panels(trial) if _known(trial.standings, panel)]
    start = 18 + min(max(LETTER * len(label_of(values)) for values in trial.combinations), _WIDEST_LABEL)
    wide = (WIDTH - start - _RIGHT - _GAP * (len(panels) - 1)) / len(panels)
    for place, values in enumerate(trial.combinations):
        middle = _TOP + row * (place + 0.5)
        canvas.text("quiet", start - 14, middle + 4, shortened(label_of(values), _WIDEST_LABEL), "end")
    for number_of, panel in enumerate(panels):
        left = start + number_of * (wide + _GAP)
        across = scale_of(_known(trial.standings, panel), left, left + wide)
        canvas.grid_across(across, _TOP, bottom, _ends_of(across))
        if across.ticks[0] < 0 < across.ticks[-1]:
            canvas.line("axis", across(0), _TOP, across(0), bottom)
        canvas.text("bold", left, _TOP - 14, shortened(panel.title, wide + _GAP))
        for place, model in enumerate(trial.models):
            shift = _BETWEEN * (place - (len(trial.models) - 1) / 2)
            _draw(canvas, trial.of(model), panel, across, series(place), trial.combinations, row, shift)
    y = _legend(canvas, trial.models, start, bottom + 40)
    canvas.text("quiet", start, y + LINE + 8, "lines: 95 % intervals; of stability: the range over pairs of seeds")
    return canvas.svg(y + 2 * LINE + 8)


def label_of(values: Values) -> str:
    """``k=8, features=2d``."""
    return ", ".join(f"{name}={value}" for name, value in values)


def _panels(trial: Trial) -> list[_Panel]:
    task = trial.record.task
    return [
        _Panel(trial.headline, lambda own: own.score.headline),
        _Panel("gain over floors", lambda own: own.gain),
        _Panel(task.label(STABILITY), lambda own: own.stability),
        _Panel("place", lambda own: None if own.place is None else Metric(value=own.place)),
    ]


def _ends_of(across: Scale) -> Callable[[float], str]:
    """Numbers at both ends of an axis alone: a narrow one has no room for more."""
    ends = {across.ticks[0], across.ticks[-1]}
    return lambda tick: f"{tick:g}" if tick in ends else ""


def _known(standings: Sequence[Standing], panel: _Panel) -> list[HasInterval]:
    found = [panel.value(own) for own in standings]
    return [own for own in found if own is not None and own.value is not None]


def _draw(
    canvas: Canvas,
    standings: Sequence[Standing],
    panel: _Panel,
    across: Scale,
    kind: str,
    rows: Sequence[Values],
    row: float,
    shift: float,
) -> None:
    line = []
    for own in standings:
        entry, y = panel.value(own), _TOP + row * (rows.index(own.values) + 0.5) + shift
        if entry is None or entry.value is None:
            continue
        canvas.interval_across(kind, y, entry, across)
        canvas.dot(kind, across(entry.value), y, f"{own.name}, {label_of(own.values)}: {number(entry.value)}", 3.5)
        line.append((across(entry.value), y))
    canvas.curve(f"faint {kind}", line)


def _legend(canvas: Canvas, models: Sequence[str], start: float, y: float) -> float:
    """Names in their colours, in as many lines as they need. Returns the last line's y."""
    x = start
    for place, model in enumerate(models):
        wide = LETTER * len(model) + 26
        if x > start and x + wide > WIDTH - _RIGHT:
            x, y = start, y + LINE + 4
        canvas.dot(series(place), x, y - 4, model, 3.5)
        canvas.text(f"name {series(place)}", x + 9, y, shortened(model, WIDTH - start - 20))
        x += wide
    return y
