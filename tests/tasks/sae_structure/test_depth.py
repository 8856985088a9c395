"""A model whose layers know the elements better the deeper they are, and one whose layers are all the same."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from harness.datasets.records import Dataset
from harness.run.cell import run_cell
from tests.tasks.sae_structure.planted import ALWAYS, DIRECTIONS, StructureModel, planted_dataset
from tests.tasks.sae_structure.test_task import QUIET, make_cell

STRENGTH = (0.0, 0.12, 0.2, 0.35, 1.0)


class Deepening(StructureModel):
    """The planted directions grow with the layer; those of random twins do not exist."""

    def __init__(self, dataset: Dataset) -> None:
        super().__init__(dataset)
        self.card = self.card.model_copy(update={"layers": 4})

    def hidden_states(
        self, sequences: Sequence[str], layers: Sequence[int]
    ) -> Iterator[tuple[int, dict[int, NDArray[np.float32]]]]:
        for index, states in super().hidden_states(sequences, (0,)):
            told = np.zeros_like(states[0])
            sequence = sequences[index]
            if self.knows and sequence in self.letters:
                for direction, element in enumerate(DIRECTIONS):
                    assert direction < ALWAYS
                    told[:, direction] = 8 * (self.letters[sequence] == element)
            yield index, {layer: states[0] - (1 - STRENGTH[layer]) * told for layer in layers}


def test_a_model_that_knows_more_the_deeper_it_is(tmp_path: Path) -> None:
    dataset = planted_dataset()
    cell = make_cell(Deepening(dataset), dataset, layers=(0, 1, 2, 3, 4), seeds=(0,), steps=30)
    record = run_cell(cell, tmp_path, "cpu", QUIET)
    assert record.status == "done", record.error
    assert set(record.metrics) <= set(cell.task.card.labels)
    folder = cell.path(tmp_path).with_suffix("")
    table = pd.read_parquet(folder / "depth.parquet")
    text = (folder / "depth.svg").read_text()
    assert "multiloop" in text and "planted" in text
    for measure in ("l0", "fve", "selectivity", "mcc_macro"):
        own = table[(table.measure == measure) & (table.concept == "")]
        for source in ("sae", "sae-random-lm"):
            assert sorted(own[own.source == source].layer) == [0, 1, 2, 3, 4], (measure, source)
    trend = record.metrics["trend_mcc_macro"]
    assert trend.value >= 0.9 and trend.low > 0
    rows = {(row.stratum, row.layer): row for row in record.table if row.name == "mcc" and row.source == "sae"}
    for own in table[(table.measure == "mcc") & (table.source == "sae")].itertuples():
        row = rows[own.concept, own.layer]
        assert (own.value, own.low, own.high) == (row.value, row.low, row.high)
    taus = pd.read_parquet(folder / "features.parquet").groupby("layer").tau.median()
    mine = table[(table.measure == "selectivity") & (table.source == "sae")].set_index("layer").value
    assert mine.to_dict() == pytest.approx(taus.to_dict())


def test_two_layers_test_no_trend_and_say_so(tmp_path: Path) -> None:
    dataset = planted_dataset()
    cell = make_cell(StructureModel(dataset), dataset, layers=(0, 2), seeds=(0,), steps=20)
    record = run_cell(cell, tmp_path, "cpu", QUIET)
    assert not [name for name in record.metrics if name.startswith("trend_")]
    assert any("no trend with depth can be tested on fewer than 4" in note for note in record.notes)
    assert len(pd.read_parquet(cell.path(tmp_path).with_suffix("") / "depth.parquet"))
