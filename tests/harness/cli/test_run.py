from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from harness.cli.asked import dataset_lines
from harness.datasets.manifest import manifests
from harness.datasets.records import Dataset, DatasetCard, Record
from harness.registry import Registry

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
