"""Where tables are printed."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

WIDTH = 100


def wide_console() -> Console:
    """Standard output; 100 columns where it is not a terminal, so that logs do not fold tables."""
    from rich.console import Console

    return Console() if sys.stdout.isatty() else Console(width=WIDTH)
