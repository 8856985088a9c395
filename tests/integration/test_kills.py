"""Commands that are killed, damaged or starved at random moments end in what an undisturbed run ends in.

``HARNESS_KILLS=40`` makes forty trials of every kind, which takes an hour; see :mod:`tests.integration.kills`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path


def test_disturbed_commands_end_as_undisturbed_ones(tmp_path: Path) -> None:
    trials = int(os.environ.get("HARNESS_KILLS", "1"))
    command = [sys.executable, "-m", "tests.integration.kills", "all", str(trials), str(tmp_path)]
    # threads that wait for each other make small products many times slower on a busy machine
    environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[2], env=environment)
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert len({line["kind"] for line in lines}) == 8 and len(lines) == 8 * trials
