"""Running cells one at a time, in this process. Workers run theirs so too."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from harness.adapter import ModelAdapter
from harness.progress import Progress
from harness.result import ResultRecord
from harness.run.cell import Cell, run_cell


def serial(
    cells: Iterable[Cell], results: Path, device: str, progress: Progress, force: bool = False
) -> Iterator[ResultRecord]:
    """Yield one record per cell; finished cells are read back, failed ones run again.

    Controls of nothing but cells that are impossible are left out. A model stays in memory while the next cell is of
    the same one, unless it failed.
    """
    held: ModelAdapter | None = None
    try:
        for cell in cells:
            if cell.needless:
                continue
            if held is not None and held is not cell.model:
                held.unload()
            held = cell.model
            record = run_cell(cell, results, device, progress, force)
            if record.status == "failed":
                held.unload()
            yield record
    finally:
        if held is not None:
            held.unload()
