"""Running many cells. One at a time, here; other executors share this signature."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from harness.progress import Progress
from harness.result import ResultRecord
from harness.run.cell import Cell, run_cell


def serial(
    cells: Iterable[Cell], results: Path, device: str, progress: Progress, force: bool = False
) -> Iterator[ResultRecord]:
    """Yield one record per cell; finished cells are read back, failed ones run again.

    Controls of nothing but cells that are impossible are left out.
    """
    for cell in cells:
        if cell.control_of and all(asked.impossible for asked in cell.control_of):
            continue
        yield run_cell(cell, results, device, progress, force)
