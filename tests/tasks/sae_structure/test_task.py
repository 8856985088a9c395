"""The whole task on models that know the structure, or do not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import matthews_corrcoef

from harness.adapter import ModelAdapter, ModelOptions
from harness.datasets.records import Dataset
from harness.progress import Progress
from harness.publish.terminal import headline_rows
from harness.result import ResultRecord
from harness.run.cell import Cell, run_cell
from harness.task import CellContext
from tasks.sae_structure.task import SaeStructure, SaeStructureSettings
from tests.tasks.sae_structure.planted import KNOWN, NEW, StructureModel, planted_dataset

QUIET = Progress(quiet=True)
SMALL = {"features": 64, "k": 4, "steps": 60, "batch_size": 256, "draws": 200, "layers": (2,), "seeds": (0, 1)}
FLOORS = {"sae-random-lm", "kmer", "kmer-position", "length", "composition"}


def make_cell(model: ModelAdapter, dataset: Dataset, **settings: object) -> Cell:
    return Cell(model, SaeStructure(), dataset, SaeStructureSettings.model_validate(SMALL | settings), ModelOptions())


def read(path: Path, name: str) -> pd.DataFrame:
    return pd.read_parquet(path.with_suffix("") / f"{name}.parquet")


@pytest.fixture(scope="module")
def knowing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ResultRecord, Path]]:
    dataset = planted_dataset()
    cell = make_cell(StructureModel(dataset), dataset)
    folder = tmp_path_factory.mktemp("knowing")
    yield run_cell(cell, folder, "cpu", QUIET), cell.path(folder)


def test_planted_elements_are_found_and_the_floors_find_nothing(knowing: tuple[ResultRecord, Path]) -> None:
    record, _ = knowing
    assert record.status == "done", record.error
    assert record.metrics["mcc_macro"].value > 0.8 and record.metrics["mcc_macro_stable"].value > 0.5
    for name in ("conditional_auroc", "context_auroc", "auroc_macro", "element_f1"):
        assert record.metrics[name].value > 0.8, name
    assert record.metrics["pair_lift"].value > 1.1 and record.metrics["shuffle_response"].value > 0.5
    rows = {row.source: row for row in headline_rows(record, 2)}
    frozen = {"sae-untrained", "sae-frozen-decoder", "sae-frozen-encoder"}
    assert set(rows) == set(record.roles) == {"sae", *FLOORS, *frozen, "neuron", "pca", "ica", "dense-probe"}
    assert rows["neuron"].value > 0.95 and rows["dense-probe"].value > 0.9
    for floor in FLOORS:
        assert record.roles[floor] == "floor" and rows[floor].value < 0.35, floor
    gain = record.metrics["gain_mcc"]
    floors = {name: rows[name].value for name in FLOORS}
    assert gain.value == pytest.approx(rows["sae"].value - max(floors.values())) and gain.low > 0.3
    assert record.selected["hardest_floor"] == max(floors, key=lambda name: floors[name])


def test_new_families_are_the_headline_and_all_test_rnas_stand_beside_them(knowing: tuple[ResultRecord, Path]) -> None:
    record, path = knowing
    assert record.selected["headline_part"] == "newfamily"
    assert record.selected["parts"]["newfamily"] == {"rnas": NEW, "units": NEW}
    assert record.selected["parts"]["all"]["rnas"] == NEW + KNOWN
    items = read(path, "items")
    assert set(items.item) == {r.id for r in planted_dataset().records if r.split == "test"}
    own = items[
        (items.source == "sae") & items.concept.isin(["stem", "hairpin", "bulge", "internal loop", "multiloop"])
    ]
    for name, rows in (("mcc_macro_all", own), ("mcc_macro", own[own.family.str.startswith("N")])):
        values = []
        for _, group in rows.groupby(["seed", "concept"], observed=True):
            tp, called, known, every = group[["tp", "called", "known", "nucleotides"]].sum()
            positive = np.repeat([True, True, False, False], [tp, known - tp, called - tp, every - known - called + tp])
            call = np.repeat([True, False, True, False], [tp, known - tp, called - tp, every - known - called + tp])
            values.append(matthews_corrcoef(positive, call))
        assert record.metrics[name].value == pytest.approx(np.mean(values)), name


def test_the_record_says_what_the_table_needs(knowing: tuple[ResultRecord, Path]) -> None:
    record, path = knowing
    assert set(SaeStructure.card.columns) <= set(record.metrics) and set(record.metrics) <= set(
        SaeStructure.card.labels
    )
    for name in ("mcc_macro", "conditional_auroc", "gain_mcc", "fve", "element_f1"):
        metric = record.metrics[name]
        assert metric.low <= metric.value <= metric.high and metric.n >= 1
    lifts = {row.source: row.value for row in record.table if row.name == "pair_lift"}
    assert set(lifts) == set(record.roles) and lifts["sae"] > lifts["kmer"]
    stem = {row.name: row for row in record.table if row.source == "sae" and row.stratum == "stem"}
    assert {"mcc", "auroc", "average_precision", "conditional_auroc", "context_auroc", "element_f1"} <= set(stem)
    assert all(row.low <= row.value <= row.high for row in stem.values())
    assert record.metrics["select_null_95"].value < 0.2
    features, chosen, examples = (read(path, name) for name in ("features", "families", "large/examples"))
    assert len(features) == 2 * SMALL["features"]
    mine = chosen[chosen.source == "sae"]
    assert set(zip(mine.seed, mine.feature, strict=True)) <= set(zip(examples.seed, examples.feature, strict=True))
    assert {"profiles.svg", "logos.svg"} <= {Path(name).name for name in record.files}
    assert record.metrics["tract_features"].value is not None
    assert record.highlights is not None and len(record.highlights.rows) == len(record.selected["elements"])


def test_a_model_that_knows_nothing_gains_nothing(tmp_path: Path) -> None:
    dataset = planted_dataset()
    record = run_cell(make_cell(StructureModel(dataset, knows=False), dataset), tmp_path, "cpu", QUIET)
    assert record.status == "done", record.error
    assert abs(record.metrics["mcc_macro"].value) < 0.1 and record.metrics["gain_mcc"].low < 0
    assert any("training gains nothing certain" in warning for warning in record.warnings)


def test_permuting_test_labels_changes_no_choice(tmp_path: Path, knowing: tuple[ResultRecord, Path]) -> None:
    dataset = planted_dataset()
    model = StructureModel(dataset)
    permuted = dataset.subset(
        replace(record, pairs=None, given_loop_types=(record.loop_types or "")[::-1])
        if record.split == "test"
        else record
        for record in dataset.records
    )
    cell = make_cell(model, permuted)
    record = run_cell(cell, tmp_path, "cpu", QUIET)
    assert record.status == "done", record.error
    choices = ["source", "seed", "family", "feature_name", "sign", "threshold", "select_mcc"]
    ours, theirs = read(cell.path(tmp_path), "families"), read(knowing[1], "families")
    pd.testing.assert_frame_equal(ours[choices], theirs[choices])
    assert (ours.mcc != theirs.mcc).any()


def test_a_run_stopped_before_the_statistics_asks_the_model_nothing_again(
    tmp_path: Path, knowing: tuple[ResultRecord, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = planted_dataset()
    phase = CellContext.phase
    passes = 0
    hidden_states = StructureModel.hidden_states

    def stopped(self: CellContext, name: str) -> AbstractContextManager[None]:
        if name == "statistics":
            raise KeyboardInterrupt
        return phase(self, name)

    def counted(self: StructureModel, *given: object) -> object:
        nonlocal passes
        passes += 1
        return hidden_states(self, *given)  # type: ignore[arg-type]

    monkeypatch.setattr("harness.task.KEPT_AFTER_SECONDS", 0.0)
    monkeypatch.setattr(StructureModel, "hidden_states", counted)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(CellContext, "phase", stopped)
        run_cell(make_cell(StructureModel(dataset), dataset), tmp_path, "cpu", QUIET)
    assert passes > 0
    passes = 0
    record = run_cell(make_cell(StructureModel(dataset), dataset), tmp_path, "cpu", QUIET)
    assert passes == 0
    assert record.metrics == knowing[0].metrics and record.table == knowing[0].table
    assert record.files == knowing[0].files


def test_several_layers_come_from_one_cell(tmp_path: Path) -> None:
    dataset = planted_dataset()
    record = run_cell(make_cell(StructureModel(dataset), dataset, layers=(0, 2), seeds=(0,)), tmp_path, "cpu", QUIET)
    assert record.status == "done", record.error
    assert {row.layer for row in record.table} == {0, 2} and record.basis.layer_is_chosen
    assert "mcc_macro_stable" not in record.metrics


def test_a_dataset_without_structure_is_not_applicable(tmp_path: Path) -> None:
    dataset = planted_dataset()
    plain = dataset.subset(replace(record, pairs=None) for record in dataset.records)
    record = run_cell(make_cell(StructureModel(dataset), plain), tmp_path, "cpu", QUIET)
    assert record.status == "not-applicable" and "has no structures" in (record.error or "")
    assert "\n" not in (record.error or "")
