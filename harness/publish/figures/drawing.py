"""What the figures are drawn with: one scale, a canvas of SVG elements, labels that keep out of each other's way.

In the style of :mod:`harness.publish.pages.forest`, written by hand for the same reasons.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from harness.publish.escape import xml
from harness.publish.format import HasInterval, number
from harness.publish.pages.forest import LETTER, STYLE, enclosing, nice_ticks

WIDTH = 800
LINE = 14
SERIES = 6
_STYLE = STYLE + (
    ".bold{font-weight:600}.faint{stroke-opacity:.35}.name,.dot{fill:currentColor}.bar2,.curve{stroke:currentColor;stroke-width:1.5;fill:none}"
    ".broken{stroke-dasharray:5 4}.thick{stroke:currentColor;stroke-width:9;stroke-opacity:.45}.floor{color:#9a9a9a}"
    ".s0{color:#1f6f8b}.s1{color:#c8553d}.s2{color:#7a5195}.s3{color:#9a7400}.s4{color:#3f8045}.s5{color:#57606a}"
    "@media(prefers-color-scheme:dark){.s0{color:#58b4d1}.s1{color:#f0836b}.s2{color:#b893d6}.s3{color:#d9b030}"
    ".s4{color:#7cc07f}.s5{color:#9198a1}}"
)
Anchor = Literal["start", "middle", "end"]


@dataclass(frozen=True)
class Scale:
    """From values to pixels: the first tick is at ``start``, the last at ``stop``."""

    ticks: Sequence[float]
    start: float
    stop: float

    def __call__(self, value: float) -> float:
        share = (value - self.ticks[0]) / (self.ticks[-1] - self.ticks[0])
        return self.start + share * (self.stop - self.start)


def scale_of(entries: Sequence[HasInterval], start: float, stop: float) -> Scale:
    """A scale of round numbers that holds all values and the ends of their intervals."""
    ends = [end for own in entries for end in (own.value, own.low, own.high) if end is not None]
    return Scale(nice_ticks(*enclosing(ends)), start, stop)


class Canvas:
    """SVG elements in the order in which they were added. Every text is escaped."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._parts: list[str] = []

    def line(self, kind: str, x1: float, y1: float, x2: float, y2: float) -> None:
        self._parts.append(f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>')

    def text(self, kind: str, x: float, y: float, text: str, anchor: Anchor = "start") -> None:
        self._parts.append(f'<text class="{kind}" text-anchor="{anchor}" x="{x:.1f}" y="{y:.1f}">{xml(text)}</text>')

    def dot(self, kind: str, x: float, y: float, told: str, radius: float = 4.5) -> None:
        """A circle that tells more when pointed at."""
        head = f'<circle class="dot {kind}" cx="{x:.1f}" cy="{y:.1f}" r="{radius:g}">'
        self._parts.append(f"{head}<title>{xml(told)}</title></circle>")

    def diamond(self, kind: str, x: float, y: float, told: str) -> None:
        corners = f"{x - 7:.1f},{y:.1f} {x:.1f},{y - 7:.1f} {x + 7:.1f},{y:.1f} {x:.1f},{y + 7:.1f}"
        self._parts.append(f'<polygon class="dot {kind}" points="{corners}"><title>{xml(told)}</title></polygon>')

    def curve(self, kind: str, points: Sequence[tuple[float, float]]) -> None:
        corners = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        self._parts.append(f'<polyline class="curve {kind}" points="{corners}"/>')

    def grid_across(
        self, scale: Scale, top: float, bottom: float, told: Callable[[float], str] = "{:g}".format
    ) -> None:
        """Lines at the ticks of the horizontal axis with their numbers beneath."""
        for tick in scale.ticks:
            self.line("grid", scale(tick), top, scale(tick), bottom)
            self.text("quiet", scale(tick), bottom + 16, told(tick), "middle")
        self.line("axis", scale.start, bottom, scale.stop, bottom)

    def grid_up(self, scale: Scale, left: float, right: float) -> None:
        for tick in scale.ticks:
            self.line("grid", left, scale(tick), right, scale(tick))
            self.text("quiet", left - 8, scale(tick) + 4, f"{tick:g}", "end")

    def interval_up(self, kind: str, x: float, entry: HasInterval, scale: Scale) -> None:
        """The interval of an entry as a vertical bar; nothing where it has none."""
        if entry.low is not None and entry.high is not None:
            self.line(f"bar2 {kind}", x, scale(entry.low), x, scale(entry.high))

    def interval_across(self, kind: str, y: float, entry: HasInterval, scale: Scale) -> None:
        if entry.low is not None and entry.high is not None:
            self.line(f"bar2 {kind}", scale(entry.low), y, scale(entry.high), y)

    def column_of_names(self, x: float, names: Sequence[tuple[str, str, float]]) -> None:
        """Kind, name and wished height of names at one ``x``, moved down where they would cover each other."""
        last = float("-inf")
        for kind, name, wished in sorted(names, key=lambda own: (own[2], own[1])):
            last = max(wished, last + LINE)
            self.text(f"name {kind}", x, last + 4, shortened(name, WIDTH - x))

    def svg(self, height: float) -> str:
        size = f'viewBox="0 0 {WIDTH} {height:g}" width="{WIDTH}" height="{height:g}"'
        head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">'
        return "\n".join(
            [head, f"<title>{xml(self._title)}</title>", f"<style>{_STYLE}</style>", *self._parts, "</svg>\n"]
        )


def series(place: int) -> str:
    """The class of the colour of a series; colours repeat where there are many."""
    return f"s{place % SERIES}"


def told(name: str, entry: HasInterval) -> str:
    return f"{name}: {number(entry.value)}"


def shortened(text: str, width: float) -> str:
    most = int(width / LETTER)
    return text if len(text) <= most else f"{text[: most - 1]}…"


Box = tuple[float, float, float, float]
"""Left, top, right, bottom."""


def beside(
    points: Sequence[tuple[float, float]], names: Sequence[str], taken: Sequence[Box]
) -> list[tuple[float, float, Anchor]]:
    """Where the name of every point stands: the least covered, by points, names or ``taken``, of six places."""
    boxes = [*taken, *((x - 6, y - 6, x + 6, y + 6) for x, y in points)]
    found: list[tuple[float, float, Anchor]] = []
    for (x, y), name in zip(points, names, strict=True):
        options: list[tuple[float, float, Anchor]] = [
            *((x + 7, y + down, "start") for down in (-6, 15, 4)),
            *((x - 7, y + down, "end") for down in (-6, 15, 4)),
        ]
        boxed: list[Box] = []
        for left, base, anchor in options:
            start = left if anchor == "start" else left - LETTER * len(name)
            boxed.append((start, base - 10, start + LETTER * len(name), base + 3))
        cost = [sum(_shared(box, other) for other in boxes) + 1e3 * max(box[2] - WIDTH, 0) for box in boxed]
        best = min(range(len(options)), key=cost.__getitem__)
        boxes.append(boxed[best])
        found.append(options[best])
    return found


def _shared(first: Box, second: Box) -> float:
    """The area that two boxes share."""
    across = min(first[2], second[2]) - max(first[0], second[0])
    down = min(first[3], second[3]) - max(first[1], second[1])
    return max(across, 0) * max(down, 0)
