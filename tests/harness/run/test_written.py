"""The plan of a folder, written by several commands."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from harness.run import written
from harness.run.spec import CellSpec
from harness.run.written import read_plan, save_plan


def test_commands_at_once_lose_no_cells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read = written.read_plan

    def slow(results: Path) -> list[CellSpec]:
        found = read(results)
        time.sleep(0.05)
        return found

    monkeypatch.setattr(written, "read_plan", slow)
    (tmp_path / ".plan.json.killed.partial").touch()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: save_plan(tmp_path, [CellSpec(f"m{number}", "t", "d", {})]), range(4)))
    assert {spec.model for spec in read_plan(tmp_path)} == {"m0", "m1", "m2", "m3"}
    assert [path.name for path in tmp_path.iterdir()] == ["plan.json"]
