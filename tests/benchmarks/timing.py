"""How long a call takes, in one run with what it is compared with."""

from __future__ import annotations

import time
from collections.abc import Callable


def best_of(function: Callable[[], object], rounds: int = 3) -> float:
    """Seconds of the fastest of a few calls."""
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return min(times)
