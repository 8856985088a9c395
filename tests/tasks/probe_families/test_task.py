"""The whole task: states that know the family beat letters, noise is at chance, and test labels choose nothing."""

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
from harness.sequences.kmers import kmers
from harness.statistics.draws import read_draws
from harness.task import EACH_LAYER, CellContext
from model_adapters.baselines.kmer_counts import KmerCounts
from tasks import kinds
from tasks.levels import Levels
from tasks.probe_families.report import OTHERS, UNITS
from tasks.probe_families.task import ProbeFamilies
from tasks.probe_families.vectors import Letters, vectors
from tests.fakes import FakeModel
from tests.tasks.probe_families.planted import FAMILIES, Knowing, dataset, records

SETTINGS = {"draws": 100, "examples": (1, 3), "seeds": (0, 1), "layers": (2,)}


def make_cell(model: ModelAdapter, data: Dataset, **settings: object) -> Cell:
    task = ProbeFamilies()
    return Cell(model, task, data, task.settings_type.model_validate(SETTINGS | settings), ModelOptions())


def run(model: ModelAdapter, folder: Path, data: Dataset | None = None, **settings: object) -> ResultRecord:
    record = run_cell(make_cell(model, data or dataset(), **settings), folder, "cpu", Progress(quiet=True))
    assert record.status == "done", record.error
    return record


@pytest.fixture(scope="module")
def knowing(tmp_path_factory: pytest.TempPathFactory) -> tuple[ResultRecord, Path]:
    folder = tmp_path_factory.mktemp("knowing")
    model = Knowing(dataset())
    return run(model, folder), make_cell(model, dataset()).path(folder).with_suffix("")


def headline(record: ResultRecord) -> dict[str, float]:
    return {row.source: row.value for row in record.table if row.name == "f1_probed" and not row.stratum}


def test_states_that_know_the_family_are_right_from_one_example_and_letters_and_noise_are_at_chance(
    knowing: tuple[ResultRecord, Path],
) -> None:
    record, _ = knowing
    own = {name: metric.value for name, metric in record.metrics.items()}
    assert own["f1_probed"] > 0.95 and own["f1_zero_shot"] > 0.9
    scores = headline(record)
    assert set(scores) == {"model", "random-twin", "kmers", "composition", "lookup"}
    for name in set(scores) - {"model"}:
        assert abs(scores[name] - 1 / FAMILIES) < 0.2, name
        assert record.metrics[OTHERS[name]].value == pytest.approx(own["f1_probed"] - scores[name])


def test_the_record_holds_every_number_and_its_items_add_up(knowing: tuple[ResultRecord, Path]) -> None:
    record, folder = knowing
    assert list(record.metrics) == list(UNITS) and set(ProbeFamilies.card.columns) <= set(UNITS)
    assert set(UNITS) | {"f1_validation"} == set(ProbeFamilies.card.labels)
    assert record.roles["lookup"] == "reference" and record.roles["random-twin"] == "floor"
    own = {name: metric.value for name, metric in record.metrics.items()}
    assert own["gap"] == pytest.approx(own["f1_probed"] - own["f1_zero_shot"])
    assert record.basis.layer == 2 and not record.basis.layer_is_chosen
    items = pd.read_parquet(folder / "items.parquet")
    best = record.selected["model"][-1]
    rows = items[(items["source"] == "model") & (items["head"] == best["head"]) & (items["examples"] == 20)]
    by_family = rows.groupby(["seed", "family"], observed=True)["value"].mean()
    assert by_family.mean() == pytest.approx(own["accuracy_probed"])
    draws = pd.read_parquet(folder / "draws.parquet")
    places = draws[draws["metric"] == "f1_probed"]
    assert set(places["source"]) == set(record.roles) and set(places["layer"]) == {2}


def test_accuracy_by_kind_is_that_of_the_items(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    levels = Levels({"clan": {}, "architecture": dict.fromkeys(["F0", "F1", "F2"], ("shape",)), "type": {}}, {})
    monkeypatch.setattr(kinds, "levels_of", lambda data, labels: levels)
    monkeypatch.setattr(kinds, "FEWEST_FAMILIES", 3)
    monkeypatch.setattr(kinds, "FEWEST_UNITS", 3)
    cell = make_cell(Knowing(dataset()), dataset())
    record = run(Knowing(dataset()), tmp_path)
    items = pd.read_parquet(cell.path(tmp_path).with_suffix("") / "items.parquet")
    rows = {row.source: row for row in record.table if row.name == "accuracy_probed_by_architecture"}
    assert set(rows) == {"model", "random-twin", "kmers", "composition", "lookup"}
    for name, row in rows.items():
        best = record.selected[name][-1]
        own = items[(items["source"] == name) & (items["head"] == best["head"]) & (items["examples"] == 20)]
        # of k-mers, k stands where a layer does
        own = own[own["layer"].fillna(-1) == (-1 if best["layer"] is None else best["layer"])]
        by_seed = own.groupby(["seed", "family"], observed=True)["value"].mean()
        by_family = by_seed.groupby("family", observed=True).mean()
        assert row.value == pytest.approx(by_family[["F0", "F1", "F2"]].mean()) and (row.layer, row.n) == (2, 3)
    assert any("of 3 of 4 families" in note for note in record.notes)


def test_permuting_the_families_of_test_sequences_changes_no_choice(
    knowing: tuple[ResultRecord, Path], tmp_path: Path
) -> None:
    test = [row for row in records() if row.split == "test"]
    family = {row.id: test[k - 1].family for k, row in enumerate(test)}
    permuted = dataset([replace(row, family=family.get(row.id, row.family)) for row in records()])
    record = run(Knowing(dataset()), tmp_path, permuted)
    assert record.selected == knowing[0].selected
    assert record.metrics["f1_probed"].value < 0.1


def test_validation_chooses_the_layer_and_every_layer_has_its_rows(tmp_path: Path) -> None:
    record = run(Knowing(dataset()), tmp_path, layers=(0, 1), seeds=(0,))
    assert record.basis.layer == 1 and record.basis.layer_is_chosen
    assert record.metrics["f1_probed"].value > 0.95
    by_layer = {
        row.layer: row.value
        for row in record.table
        if row.stratum == "logistic, all examples" and (row.source, row.name) == ("model", "f1_probed")
    }
    assert set(by_layer) == {0, 1} and by_layer[0] < 0.5 < by_layer[1]
    each = [row for row in record.table if row.stratum == EACH_LAYER]
    assert {row.source for row in each} == {"model", "random-twin"}
    own = {row.layer: row.value for row in each if (row.source, row.name) == ("model", "f1_probed")}
    assert set(own) == {0, 1} and own[1] == record.metrics["f1_probed"].value and own[0] < 0.5
    assert sum(row.name == "f1_validation" for row in each) == 4
    folder = make_cell(Knowing(dataset()), dataset(), layers=(0, 1), seeds=(0,)).path(tmp_path).with_suffix("")
    draws = read_draws(folder / "draws.parquet")
    assert {place.layer: found.value for place, found in draws.items() if place.stratum == EACH_LAYER} == own
    assert (folder / "probes.svg").exists()


def test_a_model_of_vectors_goes_the_same_way_without_a_layer(tmp_path: Path) -> None:
    record = run(KmerCounts(ModelOptions(), k=2), tmp_path, seeds=(0,))
    assert record.basis.layer is None and record.metrics["f1_probed"].value is not None
    assert record.metrics["gain_over_twins"].value is None


def test_vectors_are_means_over_known_nucleotides_and_shares_of_kmers(tmp_path: Path) -> None:
    rows = [replace(row, sequence="NN" + row.sequence[:9] + "N" + row.sequence[9:]) for row in records()[:3]]
    model = Knowing(dataset(rows))
    context = CellContext("cpu", tmp_path, tmp_path, Progress(quiet=True))
    found = vectors(model, rows, (2,), context, "some")
    shares = vectors(Letters("kmers", (1, 3)), rows, (), context, "letters")
    for index, row in enumerate(rows):
        [(_, states)] = model.hidden_states([row.sequence], (2,))
        known = [k for k, letter in enumerate(row.sequence) if letter != "N"]
        np.testing.assert_allclose(found[2][index], states[2][known].mean(axis=0), rtol=1e-5)
        words = kmers(row.sequence, 3)
        assert shares[1][index].tolist() == pytest.approx([row.sequence.count(x) / 20 for x in "ACGU"])
        assert shares[3][index][words[0]] == pytest.approx((words == words[0]).sum() / len(words))


def test_what_an_interrupted_run_kept_gives_the_same_record(
    knowing: tuple[ResultRecord, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.task.KEPT_AFTER_SECONDS", 0.0)

    def stop(*given: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("tasks.probe_families.run.look_up", stop)
        with pytest.raises(KeyboardInterrupt):
            run(Knowing(dataset()), tmp_path)
        # whatever comes again comes from what was kept
    monkeypatch.setattr(Knowing, "hidden_states", stop)
    record = run(Knowing(dataset()), tmp_path)
    assert record.metrics == knowing[0].metrics and record.selected == knowing[0].selected


class Local(FakeModel):
    """States that windows do not change, of the twin too."""

    def random_twin(self, initialisation: int = 0) -> ModelAdapter:
        return Local("local", f"random-{initialisation}", max_length=self.card.max_length)


def test_in_windows_a_model_reads_what_one_without_a_limit_reads(tmp_path: Path) -> None:
    longest = max(len(record.sequence) for record in dataset().records)
    whole = run(Local("local", max_length=None), tmp_path)
    windows = run(Local("local", max_length=longest // 2), tmp_path, long="window")
    assert windows.metrics == whole.metrics and windows.basis == whole.basis and windows.table == whole.table
    assert any("were read in windows" in note for note in windows.notes) and windows.cell != whole.cell
