"""``harness leaderboard`` that is killed while it writes, or runs twice at once."""

from __future__ import annotations

import os
import random
import shutil
import sys
import time
from pathlib import Path
from typing import Any

from tests.integration.kills.commands import Command, ended, forked, killed_within
from tests.integration.kills.killed import TOGETHER, Undisturbed

_KILLS = 3


def _write(results: Path) -> int:
    def run() -> int:
        from harness.cli.leaderboard import leaderboard

        sys.stdout = open(os.devnull, "w")  # noqa: SIM115
        leaderboard(results)
        return 0

    return forked(run)


def _files(results: Path) -> dict[str, bytes]:
    folder = results / "leaderboards"
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def pages(number: int, results: Path, undisturbed: Undisturbed, draw: random.Random) -> dict[str, Any]:
    """Pages of two cells become pages of three. Every file is the old or the new one at any time."""
    undisturbed(Command(TOGETHER))
    made, few = undisturbed.folder / "undisturbed-pages", undisturbed.folder / "undisturbed-pages-of-few"
    if not made.exists():
        shutil.copytree(undisturbed.place(Command(TOGETHER)), made)
        shutil.copytree(made / "structure-f1", few / "structure-f1")
        assert ended(_write(few)) == 0
        shutil.copytree(few / "leaderboards", made / "leaderboards")
        start = time.monotonic()
        assert ended(_write(made)) == 0
        undisturbed.seconds_of_pages = time.monotonic() - start
    old, new = _files(few), _files(made)
    shutil.copytree(made, results)
    shutil.rmtree(results / "leaderboards")
    shutil.copytree(few / "leaderboards", results / "leaderboards")
    killed = 0
    for _ in range(draw.randint(1, _KILLS)):
        writers = [_write(results) for _ in range(1 + number % 2)]
        killed += (
            killed_within(writers[0], draw.uniform(0, undisturbed.seconds_of_pages), lambda w=writers: w) is not None
        )
        codes = [ended(writer) for writer in writers]
        assert codes[1:] == [0] * (len(writers) - 1), codes
        for name, content in _files(results).items():
            whole = content in (old.get(name), new.get(name))
            assert whole or name.startswith("."), f"{results}: {name} is half of a page"
    assert ended(_write(results)) == 0
    assert _files(results) == new, f"{results}: pages differ after {killed} kills"
    return {"kills": killed, "at once": 1 + number % 2}
