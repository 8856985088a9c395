"""The few Markdown forms that pages are made of. Text comes in escaped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tabulate import tabulate

from harness.publish.format import HasInterval, number


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return tabulate(list(rows), headers=header, tablefmt="pipe", disable_numparse=True)


def small(text: str) -> str:
    """A second, smaller line of a cell; nothing where there is no text."""
    return f"<br><sub>{text}</sub>" if text else ""


def cell(entry: HasInterval | None, whole: bool = False) -> str:
    """A value with its interval beneath, which a narrow column may fold unless it is to be kept ``whole``."""
    if entry is None:
        return "–"
    if entry.low is None or entry.high is None:
        return number(entry.value)
    return number(entry.value) + small(f"[{number(entry.low)},{'&nbsp;' if whole else ' '}{number(entry.high)}]")


def signed(entry: HasInterval) -> str:
    """The same with a plus before what is gained, and a minus sign that is as wide."""
    text = cell(entry, whole=True).replace("-", "−")
    return text if entry.value is None or entry.value < 0 else f"+{text}"


def details(title: str, *blocks: str) -> str:
    """What unfolds; empty where no block has text."""
    inside = [block for block in blocks if block]
    return "\n\n".join([f"<details>\n<summary>{title}</summary>", *inside, "</details>"]) if inside else ""


def size_of(parameters: int | None) -> str:
    """``0.8 M``, ``650 M`` or ``1.6 B`` parameters; nothing for models without any."""
    if not parameters:
        return ""
    millions = parameters / 1e6
    told = (
        f"{millions / 1000:.1f} B"
        if millions >= 1000
        else f"{millions:.0f} M"
        if millions >= 10
        else f"{millions:.1f} M"
    )
    return f"{told} parameters"
