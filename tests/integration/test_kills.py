"""Cells of all tasks that are killed at random moments end in what an undisturbed run ends in.

``HARNESS_KILLS=200`` makes the long version.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path


def test_killed_cells_end_as_undisturbed_ones(tmp_path: Path) -> None:
    kills = int(os.environ.get("HARNESS_KILLS", "4"))
    command = [sys.executable, "-m", "tests.integration.kills", str(kills), str(tmp_path)]
    # threads that wait for each other make small products many times slower on a busy machine
    environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[2], env=environment)
    assert done.returncode == 0, done.stderr[-3000:]
    assert json.loads(done.stdout.splitlines()[-1])["kills so far"] == kills
