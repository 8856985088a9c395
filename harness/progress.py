"""Progress on stderr: a bar with the estimated time left on a terminal, plain lines in a log."""

from __future__ import annotations

import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from harness.names import printable

Advance = Callable[..., None]
Item = TypeVar("Item")


class Progress:
    """Tells the user what is going on. ``quiet`` says nothing; ``debug`` adds tracebacks."""

    seconds_between_lines = 15.0

    def __init__(self, quiet: bool = False, debug: bool = False) -> None:
        self.quiet = quiet
        self.debug = debug

    def trace(self, error: BaseException) -> None:
        """Print the traceback of an error that has become one line in a record; only with ``debug``."""
        if self.debug:
            traceback.print_exception(error, file=sys.stderr)

    def message(self, text: str) -> None:
        """One plain line; control characters are spelled out."""
        if not self.quiet:
            print(printable(text), file=sys.stderr, flush=True)

    def notice(self, text: str) -> None:
        """A line that is told where several cells run at once, too."""
        self.message(text)

    @contextmanager
    def track(self, description: str, total: int) -> Iterator[Advance]:
        """Yield ``advance(completed, detail="")``: ``completed`` counts up to ``total``."""
        if self.quiet:
            yield lambda completed, detail="": None
        elif sys.stderr.isatty():
            with self._bar(description, total) as advance:
                yield advance
        else:
            yield self._lines(description, total)

    def over(self, description: str, items: Sequence[Item]) -> Iterator[Item]:
        """The items one by one; one counts as completed when the next is asked for."""
        with self.track(description, len(items)) as advance:
            for completed, item in enumerate(items):
                advance(completed)
                yield item

    @contextmanager
    def _bar(self, description: str, total: int) -> Iterator[Advance]:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as RichProgress

        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[detail]}", markup=False),
        )
        with RichProgress(*columns, console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task(description, total=total, detail="")
            yield lambda completed, detail="": bar.update(task, completed=completed, detail=detail)

    def _lines(self, description: str, total: int) -> Advance:
        start = last = time.monotonic()

        def advance(completed: int, detail: str = "") -> None:
            nonlocal last
            now = time.monotonic()
            if now - last < self.seconds_between_lines or not completed:
                return
            last = now
            left = (now - start) / completed * (total - completed)
            self.message(f"  {description} {completed}/{total}, {left:.0f} s left {detail}".rstrip())

        return advance


class Relayed(Progress):
    """Says nothing but gives notices to a function; several processes would draw over each other's bars."""

    def __init__(self, send: Callable[[str], None], debug: bool = False) -> None:
        super().__init__(quiet=True, debug=debug)
        self._send = send

    def notice(self, text: str) -> None:
        self._send(text)


QUIET = Progress(quiet=True)
"""Says nothing."""


def duration(seconds: float) -> str:
    """As a reader wants it: "75 s", "12 min", "3.4 h"."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
