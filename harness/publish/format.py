"""Number formats, the same in the terminal and on the pages."""

from __future__ import annotations

from typing import Protocol


class HasInterval(Protocol):
    @property
    def value(self) -> float | None: ...
    @property
    def low(self) -> float | None: ...
    @property
    def high(self) -> float | None: ...


def number(value: float | None) -> str:
    """Counts as they are; other numbers with three decimals below 10, then fewer; a dash for what is not known."""
    if value is None:
        return "–"
    if isinstance(value, int):
        return f"{value:,}"
    size = abs(value)
    if size < 0.0005:
        return "0.000"
    return f"{value:.3f}" if size < 10 else f"{value:.1f}" if size < 1000 else f"{value:,.0f}"


def with_interval(entry: HasInterval) -> str:
    """``0.812 [0.790, 0.833]``, or the value alone where no interval was computed."""
    if entry.low is None or entry.high is None:
        return number(entry.value)
    return f"{number(entry.value)} [{number(entry.low)}, {number(entry.high)}]"
