"""Commands that are killed, alone or with their workers, or that run beside another one of the same cells."""

from __future__ import annotations

import random
import time
from pathlib import Path
from typing import Any

from tests.integration.kills.commands import (
    SETTINGS,
    Command,
    Facts,
    Finished,
    done_once,
    ended,
    killed_within,
    wait_until_gone,
    workers_of,
)

MOST_KILLS = 6
"""Of one trial; then it is let end."""
TOGETHER = (
    ("ncrna-nano", "structure-f1"),
    ("ncrna-nano:random", "structure-f1"),
    ("kmer-2", "overlap-ratio"),
)
"""Quick cells of several models and tasks."""


class Undisturbed:
    """What commands end in and how long they take, each run once and in one process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.seconds_of_pages = 0.0
        self._known: dict[str, tuple[Facts, float]] = {}

    def __call__(self, command: Command, how: str = "plain") -> tuple[Facts, float]:
        """``how`` tells runs in other surroundings apart."""
        results = self.place(command, how)
        if results.name not in self._known:
            start = time.monotonic()
            assert ended(command._replace(workers=0).start(results)) == 0, f"{command} fails undisturbed"
            self._known[results.name] = Facts.of(results), time.monotonic() - start
        return self._known[results.name]

    def place(self, command: Command, how: str = "plain") -> Path:
        """The folder of its results."""
        cells = "+".join(" ".join(cell).replace(":", "_") for cell in command.cells)
        return self.folder / "undisturbed" / f"{how} {cells}"


def serial(number: int, results: Path, undisturbed: Undisturbed, draw: random.Random) -> dict[str, Any]:
    """One cell of one of the tasks, in turn."""
    task = list(SETTINGS)[number % len(SETTINGS)]
    return {"task": task} | _killed(Command((("ncrna-nano", task),)), results, undisturbed, draw)


def workers(number: int, results: Path, undisturbed: Undisturbed, draw: random.Random) -> dict[str, Any]:
    """Two workers on three cells; every fourth time sequences are embedded and an autoencoder is trained too."""
    more = (("ncrna-nano", "sae-families"), ("ncrna-nano", "overlap-ratio")) if number % 4 == 3 else ()
    return _killed(Command((*more, *TOGETHER), 2), results, undisturbed, draw)


def _killed(command: Command, results: Path, undisturbed: Undisturbed, draw: random.Random) -> dict[str, Any]:
    expected, seconds = undisturbed(command)
    kills: dict[str, int] = {"command": 0, "worker": 0}
    finished, slowest = Finished.of(results), 0.0
    for _ in range(draw.randint(1, MOST_KILLS)):
        pid = command.start(results)
        known: list[int] = []

        def victims(pid: int = pid, known: list[int] = known) -> list[int]:
            known += workers_of(pid) if command.workers else []
            return [draw.choice([pid, *known])]

        victim = killed_within(pid, draw.uniform(0, seconds), victims)
        code = ended(pid)
        if victim == pid:
            kills["command"] += 1
            slowest = max(slowest, wait_until_gone(known))
        elif victim is not None:
            kills["worker"] += 1
            assert code in (0, 1), code  # the cell that it was at has failed, if it was at one
        finished = finished.check(results)
        if code == 0:
            break
    assert ended(command.start(results)) == 0
    finished.check(results)
    done_once(results, len(command.cells))
    assert Facts.of(results) == expected, f"{results} differs after {kills}"
    return kills | {"seconds until workers were gone": round(slowest, 2)}


def twice(number: int, results: Path, undisturbed: Undisturbed, draw: random.Random) -> dict[str, Any]:
    """One command begins at some time of the other; of two trials one has a command killed."""
    command = Command(TOGETHER, 2 * (number % 2))
    expected, seconds = undisturbed(command)
    first = command.start(results)
    time.sleep(draw.uniform(0, seconds))
    second = command.start(results)
    killed = None
    if number % 4 > 1:
        own = workers_of(first)
        killed = killed_within(first, draw.uniform(0, seconds), lambda: [first])
        own = own if killed is not None else []
    codes = [ended(first), ended(second)]
    if killed is not None:
        wait_until_gone(own)
    assert codes == [0 if killed is None else -9, 0], codes
    done_once(results, len(command.cells))
    assert Facts.of(results) == expected, f"{results} differs"
    return {"workers": command.workers, "killed": killed is not None}
