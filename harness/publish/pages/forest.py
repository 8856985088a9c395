"""Headlines with their intervals as SVG: one line a model, floors as a band, references as lines.

Written by hand and not drawn by a library, so that it takes no time and follows the reader's light or dark mode.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from harness.publish.escape import xml
from harness.publish.format import HasInterval, number

_WIDTH, _LEFT, _RIGHT, _ROW = 800, 210, 40, 26
LETTER = 6.4
STYLE = (
    "text{font:12px system-ui,sans-serif;fill:#24292f}.quiet{fill:#57606a}.axis{stroke:#8c959f}.grid{stroke:#d8dee4}"
    ".mark{fill:#1f6f8b}.bar{stroke:#1f6f8b;stroke-width:2}.band{fill:#9a9a9a;fill-opacity:.28}"
    ".reference{stroke:#c8553d;stroke-dasharray:5 3}"
    "@media(prefers-color-scheme:dark){text{fill:#e6edf3}.quiet{fill:#9198a1}.grid{stroke:#30363d}"
    ".mark{fill:#58b4d1}.bar{stroke:#58b4d1}.reference{stroke:#f0836b}}"
)


@dataclass(frozen=True)
class Forest:
    """What is drawn: ``rows`` from top to bottom, values of floors, references by name, what the axis is called."""

    rows: Sequence[tuple[str, HasInterval]]
    floors: Sequence[float]
    references: Sequence[tuple[str, float]]
    axis: str


def forest(picture: Forest) -> str | None:
    """The picture as SVG; None where no row has a value."""
    rows = [(name, own) for name, own in picture.rows if own.value is not None]
    if not rows:
        return None
    ends = [end for _, own in rows for end in (own.value, own.low, own.high) if end is not None]
    ticks = nice_ticks(*enclosing([*ends, *picture.floors, *(value for _, value in picture.references)]))

    def x(value: float) -> float:
        return _LEFT + (value - ticks[0]) / (ticks[-1] - ticks[0]) * (_WIDTH - _LEFT - _RIGHT)

    top = 12 + 16 * len(picture.references)
    bottom = top + _ROW * len(rows) + 6
    parts = [f'<line class="grid" x1="{x(t):.1f}" x2="{x(t):.1f}" y1="{top}" y2="{bottom}"/>' for t in ticks]
    parts += [f'<text class="quiet" text-anchor="middle" x="{x(t):.1f}" y="{bottom + 16}">{t:g}</text>' for t in ticks]
    if picture.floors:
        low, high = x(min(picture.floors)), x(max(picture.floors))
        width = max(high - low, 2.0)
        parts.append(f'<rect class="band" x="{low:.1f}" y="{top}" width="{width:.1f}" height="{bottom - top}"/>')
    for place, (name, value) in enumerate(picture.references):
        y = 12 + 16 * place
        parts.append(f'<line class="reference" x1="{x(value):.1f}" x2="{x(value):.1f}" y1="{y}" y2="{bottom}"/>')
        before = x(value) > _WIDTH / 2
        anchor, shift = ("end", -5) if before else ("start", 5)
        parts.append(
            f'<text class="quiet" text-anchor="{anchor}" x="{x(value) + shift:.1f}" y="{y + 6}">{xml(name)}</text>'
        )
    for place, (name, own) in enumerate(rows):
        middle = top + _ROW * place + 16
        parts.append(f'<text text-anchor="end" x="{_LEFT - 12}" y="{middle + 4}">{xml(_short(name))}</text>')
        if own.low is not None and own.high is not None:
            parts.append(
                f'<line class="bar" x1="{x(own.low):.1f}" x2="{x(own.high):.1f}" y1="{middle}" y2="{middle}"/>'
            )
        assert own.value is not None
        told = f"<title>{number(own.value)}</title>"
        parts.append(f'<circle class="mark" cx="{x(own.value):.1f}" cy="{middle}" r="4.5">{told}</circle>')
    parts.append(f'<line class="axis" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{bottom}" y2="{bottom}"/>')
    floors = "; grey band: floors" if picture.floors else ""
    caption = xml(f"{picture.axis}; lines: 95 % intervals{floors}")
    parts.append(f'<text class="quiet" text-anchor="middle" x="{_WIDTH / 2:g}" y="{bottom + 36}">{caption}</text>')
    height = bottom + 46
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}"'
    return (
        f'{head} role="img">\n<title>{xml(picture.axis)}</title>\n<style>{STYLE}</style>\n'
        + "\n".join(parts)
        + "\n</svg>\n"
    )


def nice_ticks(low: float, high: float) -> list[float]:
    """Four to nine round numbers that enclose both ends."""
    rough = (high - low) / 5
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(step * power for step in (1, 2, 5, 10) if step * power >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(place * step, 12) for place in range(first, last + 1)]


def enclosing(values: Sequence[float]) -> tuple[float, float]:
    """The ends of the values, apart from each other even where all are equal."""
    low, high = min(values), max(values)
    return (low, high) if high - low > 1e-9 else (low - 0.05, high + 0.05)


def _short(name: str) -> str:
    most = int((_LEFT - 20) / LETTER)
    return name if len(name) <= most else f"{name[: most - 1]}…"
