from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from harness.cli import app
from harness.cli.asked import dataset_lines
from harness.datasets.manifest import manifests
from harness.datasets.records import Dataset, DatasetCard, Record
from harness.registry import Registry
from tests import fakes

SIMULATED = Dataset(DatasetCard("made-up", "made up", simulated=True), (Record("a", "ACGU"),))


def cells(dataset: Dataset, *tasks: str) -> list[Any]:
    registry = Registry.discover()
    settings = SimpleNamespace(limit=None)
    return [SimpleNamespace(dataset=dataset, task=registry.task(task), settings=settings) for task in tasks]


@pytest.mark.parametrize(
    ("tasks", "named"),
    [
        (["structure-f1"], "pdb-rna"),
        (["overlap-ratio"], "rfam-seed"),
        (["sae-families", "overlap-ratio"], "rfam-seed"),
        (["overlap-ratio", "structure-f1"], "pdb-rna or rfam-seed"),
    ],
)
def test_a_run_on_simulated_data_names_a_real_set_that_serves_its_tasks(tasks: list[str], named: str) -> None:
    (line,) = dataset_lines(cells(SIMULATED, *tasks))
    assert line.endswith(f"; for real sequences: HARNESS_DATA=FOLDER harness run … --dataset {named}")
    for name in named.split(" or "):
        assert not manifests()[name].simulated
    real = replace(SIMULATED, card=DatasetCard("found", "found"))
    assert "for real sequences" not in dataset_lines(cells(real, *tasks))[0]


def test_large_plans_print_a_line_for_each_cell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = ["run", "--model", "fake", "--task", "fake-share", "--plugin", fakes.__file__, "--device", "cpu"]
    arguments += ["--results", str(tmp_path), "--no-floors"]
    line = "fake-share · fake · fake-set: share 0.417 [0.317, 0.517]"
    assert line not in CliRunner().invoke(app, arguments).stdout
    monkeypatch.setattr(sys.modules["harness.cli.run"], "MOST_SUMMARIES", 0)
    assert CliRunner().invoke(app, arguments).stdout.splitlines()[0] == line
    assert line not in CliRunner().invoke(app, [*arguments, "--verbose"]).stdout
