"""Opt-in: ``HARNESS_SLURM=1`` where slurm-wlm and munge are installed; five minutes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.skipif(not os.environ.get("HARNESS_SLURM"), reason="set HARNESS_SLURM=1 to start a private Slurm")
def test_cells_as_jobs_of_a_real_slurm(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.integration.real_slurm", str(tmp_path / "slurm")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[2])
    assert done.returncode == 0, done.stderr[-3000:]
    assert len(done.stdout.splitlines()) == 5
