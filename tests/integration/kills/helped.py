"""Workers that help to embed what one cell reads are killed; the cell is one of ``tests/shared_fakes.py``."""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from pathlib import Path
from typing import Any
from unittest.mock import patch

from tests.integration.kills.commands import Command, Facts, done_once, ended, killed_within, workers_of
from tests.integration.kills.killed import Undisturbed

_PLUGIN = Path(__file__).parents[2] / "shared_fakes.py"
_SECONDS_TO_START = 20.0


def helpers(number: int, results: Path, undisturbed: Undisturbed, draw: random.Random) -> dict[str, Any]:
    """One cell and one or two workers without a cell, each killed at some moment; the cell goes on alone."""
    command = Command((("embedding", "share-of-many"),), 2 + number % 2, (_PLUGIN,))
    expected, seconds = undisturbed(command)  # without a store
    trace = results.with_suffix(".embedded")
    surroundings = {
        "TRACE": str(trace),
        "GROUP": "300",
        "HARNESS_STORE": "1GB",
        "HARNESS_CACHE": str(results.with_suffix(".cache")),
    }
    with patch.dict(os.environ, surroundings):
        pid = command.start(results)
        victims = _helpers_of(pid, command.workers - 1)
        moments = sorted(draw.uniform(0, seconds / command.workers) for _ in victims)
        waits = [later - earlier for earlier, later in zip([0.0, *moments], moments, strict=False)]
        killed = [
            killed_within(pid, wait, lambda victim=victim: [victim])  # type: ignore[misc]
            for wait, victim in zip(waits, victims, strict=True)
        ]
        assert ended(pid) == 0
    done_once(results, 1)
    assert Facts.of(results) == expected, f"{results} differs after {killed} were killed"
    lines = [line.split() for line in trace.read_text().splitlines()]
    by = [(int(process), sequence) for what, process, sequence in lines if what == "embed"]
    times = Counter(sequence for _, sequence in by)
    lost = {sequence for process, sequence in by if process in killed}
    assert max(times.values()) <= 1 + len(victims), times
    assert {sequence for sequence, often in times.items() if often > 1} <= lost, "embedded twice, and nobody died of it"
    return {
        "killed": len([one for one in killed if one is not None]),
        "embedded by those killed": len(lost),
        "embedded again": times.total() - len(times),
    }


def _helpers_of(pid: int, number: int) -> list[int]:
    """Wait until a command has as many; the worker with the cell starts first."""
    start = time.monotonic()
    while len(found := workers_of(pid)) <= number:
        assert time.monotonic() - start < _SECONDS_TO_START, f"{found} are all workers"
        time.sleep(0.002)
    return found[1:]
