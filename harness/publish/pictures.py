"""Pictures as SVG: the same bytes for the same numbers, text kept as text."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from harness.names import printable
from harness.storage.files import write_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def svg(figure: Figure, name: str) -> str:
    """The figure as SVG. ``name`` seeds the identifiers inside, so that two pictures on one page do not clash.

    Text cannot form a tag, which matplotlib sees to, nor hold a control character, which XML does not allow.
    """
    import matplotlib

    buffer = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": name, "svg.fonttype": "none"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None}, dpi=150)
    return "\n".join(map(printable, buffer.getvalue().split("\n")))


def curve(
    axes: Axes,
    places: Sequence[float],
    values: Sequence[float],
    low: Sequence[float],
    high: Sequence[float],
    colour: str,
    label: str,
) -> None:
    """Points joined by a line, and their intervals as a band."""
    axes.plot(places, values, color=colour, linewidth=1.2, marker="o", markersize=2.5, label=label)
    axes.fill_between(places, low, high, color=colour, alpha=0.18, linewidth=0)


def save_svg(figure: Figure, path: Path) -> None:
    """Write the figure to ``path``, whole or not at all."""
    write_text(path, svg(figure, path.stem))
