"""What chooses sees no test data, and what is drawn is drawn as it is said: one test per way to get it wrong."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.typing import NDArray

from harness.adapter import ModelAdapter, ModelOptions
from harness.datasets.records import Dataset
from harness.progress import Progress
from harness.result import ResultRecord
from harness.run.cell import Cell, run_cell
from harness.task import Task
from tasks.overlap_ratio.data import prepare
from tasks.overlap_ratio.measures import Measure
from tasks.overlap_ratio.settings import OverlapRatioSettings
from tasks.overlap_ratio.task import OverlapRatio
from tasks.sae.autoencoder.config import SAEConfig
from tasks.sae.autoencoder.model import SparseAutoencoder
from tasks.sae.autoencoder.train import CALIBRATION_STEPS, train
from tasks.sae_families.task import SaeFamilies
from tasks.sae_structure.task import SaeStructure
from tasks.structure_f1.settings import StructureF1Settings
from tasks.structure_f1.task import StructureF1
from tests.tasks.overlap_ratio.planted import FamilyModel
from tests.tasks.overlap_ratio.planted import dataset as family_dataset
from tests.tasks.overlap_ratio.planted import records as family_records
from tests.tasks.sae.planted import planted_stream
from tests.tasks.sae_families.planted import WIDTH, PlantedModel, planted_dataset
from tests.tasks.sae_structure.planted import StructureModel
from tests.tasks.sae_structure.planted import planted_dataset as structured_dataset
from tests.tasks.structure.planted import AttentionModel
from tests.tasks.structure.planted import dataset as hairpins

SMALL_SAE = {"features": 48, "k": 4, "steps": 40, "batch_size": 256, "draws": 100, "layers": (2,), "seeds": (0,)}
SMALL_OVERLAP = {"draws": 100, "pair_count": 500, "layers": (2,)}


def run(task: Task, model: ModelAdapter, data: Dataset, folder: Path, **settings: object) -> ResultRecord:
    own = task.settings_type.model_validate(settings)
    record = run_cell(Cell(model, task, data, own, ModelOptions()), folder, "cpu", Progress(quiet=True))
    assert record.status == "done", record.error
    return record


class KnowsHalves(FamilyModel):
    """Knows the families of the validation half at layer ``inside`` of 0 and 1, and the others at the other one."""

    def __init__(self, data: Dataset, inside: int) -> None:
        super().__init__(data)
        prepared = prepare(data, OverlapRatioSettings.model_validate(SMALL_OVERLAP))
        self.inside = inside
        self.validation = {f for f, inside in zip(prepared.families, prepared.validation, strict=True) if inside}

    def states(self, sequence: str, layer: int) -> NDArray[np.float32]:
        own = self.inside if self.family[sequence] in self.validation else 1 - self.inside
        return super().states(sequence, 2 if layer == own else 1 - own if layer == 2 else layer)


@pytest.mark.parametrize("layers", [(2,), (0, 1, 2)])
@pytest.mark.parametrize("inside", [0, 1])
def test_overlap_ratio_chooses_its_best_layer_on_the_validation_half(
    tmp_path: Path, inside: int, layers: tuple[int, ...]
) -> None:
    """Also among layers that were not asked for, and whichever layer knows the half that is scored."""
    data = family_dataset(family_records(families=16))
    record = run(OverlapRatio(), KnowsHalves(data, inside), data, tmp_path, **(SMALL_OVERLAP | {"layers": layers}))
    assert record.selected["best_layer"] == inside
    assert record.metrics["overlap_ratio_best_layer"].value > 0.5  # on the half that this layer does not know


def test_overlap_ratio_centres_on_the_validation_half_alone() -> None:
    data = family_dataset(family_records(families=16))
    prepared = prepare(data, OverlapRatioSettings.model_validate(SMALL_OVERLAP))
    vectors = np.random.default_rng(0).normal(1, 1, (len(prepared.records), 8)).astype(np.float32)
    measure = Measure(FamilyModel(data), SimpleNamespace(), prepared.records, "mean", 2, vectors)  # type: ignore[arg-type]
    units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    inside = [units[prepared.family == number].mean(axis=0) for number in np.flatnonzero(prepared.validation)]
    centred = measure.centred(prepared)
    assert centred is not None and centred.vectors is not None
    np.testing.assert_allclose(centred.vectors, units - np.mean(inside, axis=0), atol=1e-6)


class KnowsSplits(PlantedModel):
    """Knows families at layer 1 of select alone; at layer 2 of test as well, and of select less."""

    def __init__(self, data: Dataset) -> None:
        super().__init__(data)
        self.split = {record.sequence: record.split for record in data.records}

    def hidden_states(
        self, sequences: Sequence[str], layers: Sequence[int]
    ) -> Iterator[tuple[int, dict[int, NDArray[np.float32]]]]:
        strength = {("select", 1): 8, ("select", 2): 3, ("test", 1): 0, ("test", 2): 8}
        for index, sequence in enumerate(sequences):
            found = {}
            for layer in layers:
                noise = np.random.default_rng([zlib.crc32(sequence.encode()), layer])
                states = noise.normal(size=(len(sequence), WIDTH))
                known = strength.get((str(self.split[sequence]), layer), 8)
                states[:, self.family[sequence]] += known * (np.arange(len(sequence)) % 3 == 0)
                found[layer] = states.astype(np.float32)
            yield index, found


def test_sae_families_chooses_its_layer_on_select(tmp_path: Path) -> None:
    data = planted_dataset()
    record = run(SaeFamilies(), KnowsSplits(data), data, tmp_path, **(SMALL_SAE | {"layers": (1, 2)}))
    assert record.basis.layer == 1
    on_test = {
        row.layer: row.value
        for row in record.table
        if (row.name, row.source, row.seed, row.stratum) == ("auroc_macro", "sae", None, "")
    }
    assert on_test[1] < 0.7 < on_test[2]  # test would have chosen the other layer


def test_every_seed_has_a_random_twin_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    make = PlantedModel.random_twin

    def watched(self: PlantedModel, initialisation: int = 0) -> ModelAdapter:
        asked.append(initialisation)
        return make(self, initialisation)

    monkeypatch.setattr(PlantedModel, "random_twin", watched)
    data = planted_dataset()
    run(SaeFamilies(), PlantedModel(data), data, tmp_path, **(SMALL_SAE | {"seeds": (3, 1)}))
    # beside each the engine asks for the next one, to see that they differ
    assert asked == [3, 4, 1, 2]


def test_the_threshold_is_calibrated_on_nucleotides_beyond_the_training_steps() -> None:
    config = SAEConfig(features=96, k=3, steps=30, batch_size=64, bfloat16=False)
    trained, stream = SparseAutoencoder(32, config, seed=0, layer=1), planted_stream(batch_size=64)
    train({0: trained}, stream)
    kept = trained.threshold.clone()
    trained.calibrate(batch[1] for batch in stream.batches(0, CALIBRATION_STEPS))
    assert not torch.equal(trained.threshold, kept)
    trained.calibrate(batch[1] for batch in stream.batches(config.steps, config.steps + CALIBRATION_STEPS))
    assert torch.equal(trained.threshold, kept)


def test_other_items_have_another_name(tmp_path: Path) -> None:
    structures, families, planted = hairpins(), family_dataset(family_records(families=16)), planted_dataset()
    structured = structured_dataset()

    def fewer(data: Dataset) -> Dataset:
        """Without one record of the test split."""
        last = max(index for index, record in enumerate(data.records) if record.split in ("test", None))
        return data.subset(record for index, record in enumerate(data.records) if index != last)

    cases: list[tuple[Task, ModelAdapter, Dataset, dict[str, object]]] = [
        (StructureF1(), AttentionModel(structures), structures, {"draws": 100}),
        (OverlapRatio(), FamilyModel(families), families, SMALL_OVERLAP),
        (SaeFamilies(), PlantedModel(planted), planted, SMALL_SAE),
        (SaeStructure(), StructureModel(structured), structured, SMALL_SAE),
    ]
    for number, (task, model, data, settings) in enumerate(cases):
        whole = run(task, model, data, tmp_path / str(number), **settings).basis.item_set
        assert run(task, model, data, tmp_path / f"{number}-again", **settings).basis.item_set == whole
        assert run(task, model, fewer(data), tmp_path / f"{number}-fewer", **settings).basis.item_set != whole


def test_a_limit_takes_rnas_by_the_hash_of_their_names(tmp_path: Path) -> None:
    data = hairpins()
    model = AttentionModel(data)
    cell = Cell(model, StructureF1(), data, StructureF1Settings(limit=9, draws=100), ModelOptions())
    record = run_cell(cell, tmp_path, "cpu", Progress(quiet=True))
    assert record.status == "done"
    # nine in all: three train, three choose and three are scored, and the record says so
    assert record.dataset.used == 9 and record.dataset.skipped["RNAs beyond --limit"] == 15
    assert any("chosen on the validation RNAs (3 RNAs, split: given)" in note for note in record.notes)
    items = pd.read_parquet(cell.path(tmp_path).with_suffix("") / "items.parquet")
    test = [record.id for record in data.records if record.split == "test"]
    by_hash = sorted(test, key=lambda name: hashlib.sha256(name.encode()).hexdigest())[:3]
    assert set(items["item"]) == set(by_hash) != set(test[:3])
