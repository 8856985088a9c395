"""The whole task: attention that is structure is found with 20 RNAs, letters and noise find nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from harness.adapter import ModelAdapter, ModelOptions
from harness.datasets.records import Dataset
from harness.progress import Progress
from harness.result import ResultRecord
from harness.run.cell import Cell, run_cell
from harness.statistics.draws import read_draws
from harness.task import EACH_LAYER
from model_adapters.baselines.pairing_prior import PairingPrior
from tasks.probe_structure.report import UNITS
from tasks.probe_structure.task import ProbeStructure
from tests.tasks.probe_structure.planted import Attentive, dataset, records

SETTINGS = {"draws": 100, "steps": 30, "examples": (), "seeds": (0, 1), "limit": None}


def make_cell(model: ModelAdapter, data: Dataset, **settings: object) -> Cell:
    task = ProbeStructure()
    return Cell(model, task, data, task.settings_type.model_validate(SETTINGS | settings), ModelOptions())


def run(model: ModelAdapter, folder: Path, data: Dataset | None = None, **settings: object) -> ResultRecord:
    record = run_cell(make_cell(model, data or dataset(), **settings), folder, "cpu", Progress(quiet=True))
    assert record.status == "done", record.error
    return record


def of_head(record: ResultRecord, source: str, head: str) -> list[float]:
    return [
        row.value
        for row in record.table
        if (row.name, row.source, row.seed) == ("f1_probed", source, None) and row.stratum.startswith(head)
    ]


@pytest.fixture(scope="module")
def attentive(tmp_path_factory: pytest.TempPathFactory) -> tuple[ResultRecord, Path]:
    folder = tmp_path_factory.mktemp("attentive")
    model = Attentive(dataset())
    return run(model, folder), make_cell(model, dataset()).path(folder).with_suffix("")


def test_attention_that_is_structure_is_found_with_twenty_rnas_and_letters_do_not_find_it(
    attentive: tuple[ResultRecord, Path],
) -> None:
    record, _ = attentive
    assert record.metrics["f1_attention_logistic"].value > 0.9
    assert record.selected["model"]["best"] == {"head": "attention-logistic", "training_rnas": 20}
    assert record.metrics["f1_probed"].value == record.metrics["f1_attention_logistic"].value
    for source in ("one-hot", "random-twin"):
        assert max(of_head(record, source, "")) < 0.2, source
    assert record.metrics["gain_over_one_hot"].low > 0.5 and record.metrics["gain_over_twins"].low > 0.5


def test_random_states_of_equal_width_are_at_chance(attentive: tuple[ResultRecord, Path]) -> None:
    """Predicting every pair has F1 0.04; what a head picks of noise on validation is worth no more on test."""
    record, _ = attentive
    for source in ("model", "random-twin"):
        assert max(of_head(record, source, "pair-")) < 0.12, source


def test_the_record_holds_every_number_and_its_items_add_up(attentive: tuple[ResultRecord, Path]) -> None:
    record, folder = attentive
    assert list(record.metrics) == list(UNITS) and set(ProbeStructure.card.columns) <= set(UNITS)
    assert set(UNITS) | {"f1_validation"} == set(ProbeStructure.card.labels)
    own = {name: metric.value for name, metric in record.metrics.items()}
    assert own["gap"] == pytest.approx(own["f1_probed"] - own["f1_zero_shot"])
    assert record.roles == {"model": "model", "random-twin": "floor", "one-hot": "floor"}
    assert record.dataset.used == 44
    items = pd.read_parquet(folder / "items.parquet")
    best = items[(items["source"] == "model") & (items["head"] == "attention-logistic")]
    f1 = []
    for _, table in best.groupby("seed"):
        sums = table.groupby("metric", observed=True)["value"].sum()
        f1.append(2 * sums["tp"] / (2 * sums["tp"] + sums["fp"] + sums["fn"]))
    assert len(f1) == 2 and np.mean(f1) == pytest.approx(own["f1_probed"])
    draws = pd.read_parquet(folder / "draws.parquet")
    assert {"model", "random-twin", "one-hot"} == set(draws[draws["metric"] == "f1_probed"]["source"])


def test_permuting_the_pairs_of_test_rnas_changes_no_choice(
    attentive: tuple[ResultRecord, Path], tmp_path: Path
) -> None:
    rows = records()
    test = [row for row in rows if row.split == "test"]
    other = {row.id: test[k - 1].pairs for k, row in enumerate(test)}
    permuted = dataset([replace(row, pairs=other.get(row.id, row.pairs)) for row in rows])
    record = run(Attentive(dataset()), tmp_path, permuted)
    assert record.selected == attentive[0].selected
    assert record.metrics["f1_probed"].value < 0.2


def test_exactly_as_many_training_rnas_are_read_as_asked_for(tmp_path: Path) -> None:
    model = Attentive(dataset())
    run(model, tmp_path, seeds=(0,), attention_examples=3)
    train = {record.sequence for record in dataset().records if record.split == "train"}
    assert len(train & set(model.seen)) == 3


def test_a_model_without_attention_has_no_zero_shot_and_one_of_pair_scores_no_states(tmp_path: Path) -> None:
    states = run(Attentive(name="blind", capabilities={"hidden_states"}), tmp_path, seeds=(0,))
    assert states.metrics["f1_zero_shot"].value is None and states.metrics["gap"].value is None
    assert states.metrics["f1_pair_small"].value is not None
    prior = run(PairingPrior(ModelOptions()), tmp_path, seeds=(0,))
    assert prior.metrics["f1_zero_shot"].value is not None and prior.metrics["f1_pair_small"].value is None
    assert prior.selected["model"]["best"]["head"] == "attention-logistic"


def test_the_layer_is_chosen_by_validation(tmp_path: Path) -> None:
    """Layer 2 holds the letters of either partner, layer 1 noise."""
    from tests.fakes import FakeModel
    from tests.tasks.structure.planted import dataset as hairpins

    class Deep(FakeModel):
        def hidden_states(self, sequences, layers):  # type: ignore[no-untyped-def]
            for index, states in super().hidden_states(sequences, layers):
                noise = np.random.default_rng(index).normal(size=states[layers[0]].shape).astype(np.float32)
                yield index, {layer: own if layer == 2 else noise for layer, own in states.items()}

    data = hairpins([replace(row, id=f"x{row.id}", family=None) for row in hairpins().records])
    some = data.subset(r for r in data.records if r.id[0] == "x")
    record = run(Deep(width=5), tmp_path, some, layers=(1, 2))
    chosen = [own["layer"] for own in record.selected["model"]["heads"]]
    assert chosen.count(2.0) == len(chosen) and record.basis.layer_is_chosen and record.basis.layer == 2
    headlines = [row for row in record.table if row.name == "f1_probed" and not row.stratum]
    assert [row.layer for row in headlines] == [2] * 3
    own = [row for row in record.table if row.stratum == EACH_LAYER and row.source == "model"]
    f1, validation = (
        {row.layer: row.value for row in own if row.name == name} for name in ("f1_probed", "f1_validation")
    )
    assert set(f1) == set(validation) == {1, 2} and f1[2] > f1[1] + 0.3
    best = record.selected["model"]["best"]
    rows = [row for row in record.table if row.stratum.startswith(best["head"]) and row.seed is None]
    assert f1[2] in [row.value for row in rows if (row.name, row.source) == ("f1_probed", "model")]
    folder = make_cell(Deep(width=5), some, layers=(1, 2)).path(tmp_path).with_suffix("")
    draws = read_draws(folder / "draws.parquet")
    assert {place.layer: own.value for place, own in draws.items() if place.stratum == EACH_LAYER} == f1
    assert (folder / "probes.svg").exists()


def test_what_an_interrupted_run_kept_gives_the_same_record(
    attentive: tuple[ResultRecord, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped at the second twin; the parts of model and twins are kept apart."""
    monkeypatch.setattr("harness.task.KEPT_AFTER_SECONDS", 0.0)
    with monkeypatch.context() as patch:
        patch.setattr(
            "tasks.probes.sources.OneHot.hidden_states", lambda *given: (_ for _ in ()).throw(KeyboardInterrupt)
        )
        with pytest.raises(KeyboardInterrupt):
            run(Attentive(dataset()), tmp_path)
    model = Attentive(dataset())
    record = run(model, tmp_path)
    assert record.metrics == attentive[0].metrics and record.selected == attentive[0].selected
    assert not model.seen
