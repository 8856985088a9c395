"""Cells of structure-f1 with few bootstrap draws, and records of them."""

from __future__ import annotations

from pathlib import Path

from harness.adapter import ModelAdapter, ModelOptions
from harness.datasets.records import Dataset
from harness.progress import Progress
from harness.result import ResultRecord
from harness.run.cell import Cell, run_cell
from tasks.structure_f1.task import StructureF1, StructureF1Settings

QUIET = Progress(quiet=True)


def make_cell(model: ModelAdapter, data: Dataset, **settings: object) -> Cell:
    return Cell(
        model, StructureF1(), data, StructureF1Settings.model_validate({"draws": 100} | settings), ModelOptions()
    )


def run(model: ModelAdapter, data: Dataset, folder: Path, **settings: object) -> ResultRecord:
    record = run_cell(make_cell(model, data, **settings), folder, "cpu", QUIET)
    assert record.status == "done", record.error
    return record
