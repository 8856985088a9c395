"""The whole task on models that know the family, or do not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from harness.adapter import ModelAdapter, ModelOptions
from harness.datasets.records import Dataset
from harness.errors import InputError, NotApplicable
from harness.progress import Progress
from harness.publish.terminal import headline_rows
from harness.result import ResultRecord
from harness.run.cell import Cell, run_cell
from harness.task import CellContext
from tasks.levels import Levels
from tasks.sae.autoencoder.config import SAEConfig
from tasks.sae.autoencoder.train import Trainer
from tasks.sae_families.task import SaeFamilies, SaeFamiliesSettings
from tests.fakes import FakeModel
from tests.tasks.sae_families.planted import FAMILIES, PlantedModel, planted_dataset

QUIET = Progress(quiet=True)
SMALL = {"features": 48, "k": 4, "steps": 40, "batch_size": 256, "draws": 200, "layers": (2,), "seeds": (0, 1)}


def make_cell(model: ModelAdapter, dataset: Dataset, **settings: object) -> Cell:
    return Cell(model, SaeFamilies(), dataset, SaeFamiliesSettings.model_validate(SMALL | settings), ModelOptions())


@pytest.fixture(scope="module")
def knowing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ResultRecord, Path]]:
    dataset = planted_dataset()
    cell = make_cell(PlantedModel(dataset), dataset)
    folder = tmp_path_factory.mktemp("knowing")
    yield run_cell(cell, folder, "cpu", QUIET), cell.path(folder)


def test_a_planted_family_is_found_and_the_floors_find_nothing(knowing: tuple[ResultRecord, Path]) -> None:
    record, _ = knowing
    assert record.status == "done", record.error
    assert record.metrics["auroc_macro"].value > 0.95 and record.metrics["mcc_macro"].value > 0.5
    rows = {row.source: row for row in headline_rows(record, 2)}
    assert (
        set(rows)
        == set(record.roles)
        == {
            *("sae", "sae-random-lm", "kmer", "length", "composition"),
            *("neuron", "pca", "ica", "sae-untrained", "sae-frozen-decoder", "sae-frozen-encoder", "dense-probe"),
        }
    )
    assert rows["neuron"].value > 0.95 and rows["dense-probe"].value > 0.95
    for floor in ("sae-random-lm", "kmer", "length", "composition"):
        assert record.roles[floor] == "floor" and 0.3 < rows[floor].value < 0.7, floor
    gain = record.metrics["gain_auroc"]
    assert gain.value > 0.2 and gain.low < gain.value < gain.high
    floors = {name: row.value for name, row in rows.items() if record.roles[name] == "floor"}
    assert gain.value == pytest.approx(record.metrics["auroc_macro"].value - max(floors.values()))
    assert record.selected["hardest_floor"] == max(floors, key=lambda name: floors[name])
    over = {row.stratum: row for row in record.table if row.name == "gain_auroc"}
    whole = over.pop("")
    assert set(over) == {f"over {name}" for name in floors}
    for end in ("value", "low", "high"):
        assert getattr(whole, end) == getattr(gain, end) == min(getattr(row, end) for row in over.values())
    assert not any("the model: AUROC" in note for note in record.notes)


def test_the_record_says_what_the_table_needs(knowing: tuple[ResultRecord, Path]) -> None:
    record, _ = knowing
    quality = {"fve", "fve_raw", "l0", "dead_share", "stability", "selectivity_tau", "coverage", "auroc_matched"}
    quality |= {"stability_chance", "stability_raw", "stability_activations", "pw_mcc"}
    quality |= {"auroc_macro_stable", "mcc_macro_stable"} | set(SaeFamilies.card.columns)
    assert quality <= set(record.metrics)
    for name in ("fve", "l0", "auroc_macro", "mcc_macro", "gain_auroc"):
        metric = record.metrics[name]
        assert metric.low <= metric.value <= metric.high and metric.n >= 1
    assert 3 < record.metrics["l0"].value < 5.5
    strata = {row.stratum for row in record.table}
    assert {"", "one seed", "window maximum", "full maximum", "mean", "fraction active"} <= strata
    aggregation = record.selected["aggregation"]
    worth = record.selected["aggregation_select_auroc"]
    assert aggregation == max(worth, key=lambda name: worth[name])
    rows = {(row.source, row.stratum): row for row in record.table if row.name == "auroc_macro" and row.seed is None}
    for name in set(record.roles) - {"dense-probe"}:
        assert rows[name, aggregation].value == rows[name, ""].value and (name, "window maximum") in rows
    assert any(note.startswith("no interval where fewer than 5 units vary: ") for note in record.notes)
    for row in record.table:
        if row.name in ("auroc_macro", "coverage", "f1_macro") and row.low is not None:
            assert 0 <= row.low <= row.high <= 1
    assert record.highlights is not None and len(record.highlights.rows) == FAMILIES
    assert record.dataset.used == FAMILIES * 26


def test_the_tables_recompute_the_headline(knowing: tuple[ResultRecord, Path]) -> None:
    """From the items alone, with loops: the macro AUROC and the calls behind the MCC."""
    record, path = knowing
    items = pd.read_parquet(path.with_suffix("") / "items.parquet")
    for source in ("sae", "kmer", "dense-probe"):
        own = items[items.source == source]
        values = []
        for (_, concept), group in own.groupby([own.seed.fillna(-1), own.concept.astype(str)]):
            positive = group.value[group.family == concept].to_numpy()
            negative = group.value[group.family != concept].to_numpy()
            wins = sum((p > n) + 0.5 * (p == n) for p in positive for n in negative)
            values.append(wins / (len(positive) * len(negative)))
        (row,) = (row for row in headline_rows(record, 2) if row.source == source)
        assert row.value == pytest.approx(np.mean(values))
    features = pd.read_parquet(path.with_suffix("") / "features.parquet")
    assert len(features) == 2 * SMALL["features"]
    assert len(pd.read_parquet(path.with_suffix("") / "families.parquet")) == FAMILIES * (2 * 5 + 7)


def test_every_feature_chosen_for_a_family_has_examples(knowing: tuple[ResultRecord, Path]) -> None:
    folder = knowing[1].with_suffix("")
    examples = pd.read_parquet(folder / "large" / "examples.parquet")
    chosen = pd.read_parquet(folder / "families.parquet").query("source == 'sae'")
    assert set(zip(chosen.seed, chosen.feature, strict=True)) <= set(zip(examples.seed, examples.feature, strict=True))
    assert set(examples.item) <= {r.id for r in planted_dataset().records if r.split == "test"}
    strongest = (
        examples.assign(peak=[row.max() for row in examples.activations]).groupby(["seed", "feature"]).peak.max()
    )
    maxima = pd.read_parquet(folder / "features.parquet").set_index(["seed", "feature"]).maximum
    assert (strongest <= maxima[strongest.index] * (1 + 1e-5)).all()


def test_checkpoints_are_kept(knowing: tuple[ResultRecord, Path]) -> None:
    from tasks.sae.autoencoder.model import SparseAutoencoder

    record, path = knowing
    autoencoder = SparseAutoencoder.load(path.with_suffix("") / "sae-layer-2-seed-1")
    assert autoencoder.metadata is not None and autoencoder.metadata.model_identity == record.model.identity
    assert autoencoder.metadata.quality["fve_standardised"] < 1


def test_a_model_that_knows_nothing_gains_nothing(tmp_path: Path) -> None:
    dataset = planted_dataset()
    record = run_cell(make_cell(PlantedModel(dataset, knows=False), dataset), tmp_path, "cpu", QUIET)
    assert record.status == "done", record.error
    assert 0.35 < record.metrics["auroc_macro"].value < 0.65
    assert record.metrics["gain_auroc"].low < 0 and record.metrics["coverage"].value == 0
    # a floor wins on test, and a note says which one and by how much
    rows = {row.source: row.value for row in headline_rows(record, 2)}
    hardest, value = record.selected["hardest_floor"], record.metrics["gain_auroc"].value
    assert value == pytest.approx(rows["sae"] - rows[hardest]) and value < 0
    scores = f"AUROC {rows[hardest]:.3f} against {rows['sae']:.3f}"
    assert any("the model: " in note and scores in note for note in record.notes)


def test_permuting_test_labels_changes_no_choice(tmp_path: Path, knowing: tuple[ResultRecord, Path]) -> None:
    dataset = planted_dataset()
    test = [record for record in dataset.records if record.split == "test"]
    families = [record.family for record in test]
    shifted = dict(zip((record.id for record in test), families[7:] + families[:7], strict=True))
    permuted = dataset.subset(
        replace(record, family=shifted.get(record.id, record.family)) for record in dataset.records
    )
    cell = make_cell(PlantedModel(dataset), permuted)
    record = run_cell(cell, tmp_path, "cpu", QUIET)
    assert record.status == "done", record.error
    ours = pd.read_parquet(cell.path(tmp_path).with_suffix("") / "families.parquet")
    theirs = pd.read_parquet(knowing[1].with_suffix("") / "families.parquet")
    choices = ["source", "seed", "family", "feature_name", "sign", "threshold", "select_auroc"]
    pd.testing.assert_frame_equal(ours[choices], theirs[choices])
    assert (ours.auroc != theirs.auroc).any()


def test_a_killed_run_ends_as_an_uninterrupted_one(
    tmp_path: Path, knowing: tuple[ResultRecord, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = planted_dataset()
    cell = make_cell(PlantedModel(dataset), dataset)
    step = Trainer.step
    steps = 0

    def killed(self: Trainer, x: object, number: int) -> dict[str, float]:
        nonlocal steps
        steps += 1
        if steps == 60:
            raise KeyboardInterrupt
        return step(self, x, number)  # type: ignore[arg-type]

    monkeypatch.setattr(Trainer, "step", killed)
    monkeypatch.setattr("tasks.sae.dictionaries.CHECKPOINT_SECONDS", 0.0)
    with pytest.raises(KeyboardInterrupt):
        run_cell(cell, tmp_path, "cpu", QUIET)
    work = cell.path(tmp_path).with_suffix(".work")
    assert (work / "sae.safetensors").is_file() and not cell.path(tmp_path).exists()
    monkeypatch.undo()
    record = run_cell(make_cell(PlantedModel(dataset), dataset), tmp_path, "cpu", QUIET)
    assert record.metrics == knowing[0].metrics and record.table == knowing[0].table
    assert not work.exists()


def test_a_run_stopped_before_the_statistics_asks_the_model_nothing_again(
    tmp_path: Path, knowing: tuple[ResultRecord, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = planted_dataset()
    phase = CellContext.phase
    passes = 0
    hidden_states = PlantedModel.hidden_states

    def stopped(self: CellContext, name: str) -> AbstractContextManager[None]:
        if name == "statistics":
            raise KeyboardInterrupt
        return phase(self, name)

    def counted(self: PlantedModel, sequences: Sequence[str], layers: Sequence[int]) -> object:
        nonlocal passes
        passes += 1
        return hidden_states(self, sequences, layers)

    monkeypatch.setattr("harness.task.KEPT_AFTER_SECONDS", 0.0)
    monkeypatch.setattr(PlantedModel, "hidden_states", counted)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(CellContext, "phase", stopped)
        run_cell(make_cell(PlantedModel(dataset), dataset), tmp_path, "cpu", QUIET)
    assert passes > 0
    passes = 0
    cell = make_cell(PlantedModel(dataset), dataset)
    record = run_cell(cell, tmp_path, "cpu", QUIET)
    assert passes == 0
    plain = knowing[0]
    assert (record.metrics, record.table, record.selected) == (plain.metrics, plain.table, plain.selected)
    assert record.files == plain.files


def test_a_test_sequence_passes_each_model_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For its scores and for the quality of the autoencoders alike."""
    dataset = planted_dataset()
    test = next(record.sequence for record in dataset.records if record.split == "test")
    seen: list[str] = []
    hidden_states = PlantedModel.hidden_states

    def counted(self: PlantedModel, sequences: Sequence[str], layers: Sequence[int]) -> object:
        seen.extend([self.identity()] * list(sequences).count(test))
        return hidden_states(self, sequences, layers)

    monkeypatch.setattr(PlantedModel, "hidden_states", counted)
    record = run_cell(make_cell(PlantedModel(dataset), dataset, steps=2, draws=100), tmp_path, "cpu", QUIET)
    assert record.status == "done" and record.metrics["fve"].value is not None, record.error
    assert sorted(seen) == ["planted-False-0", "planted-False-1", "planted-True-None"]


def test_several_layers_come_from_one_cell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = planted_dataset()
    shapes = {f"F{family}": (f"shape {family % 2}",) for family in range(FAMILIES)}
    clans = {f"F{family}": (f"clan {family}",) for family in range(FAMILIES)}
    levels = Levels({"clan": clans, "architecture": shapes, "type": {}}, {})
    monkeypatch.setattr("tasks.kinds.levels_of", lambda data, labels: levels)
    monkeypatch.setattr("tasks.kinds.FEWEST_FAMILIES", FAMILIES)
    monkeypatch.setattr("tasks.sae_families.kinds.FEWEST_GROUPS", FAMILIES)
    record = run_cell(make_cell(PlantedModel(dataset), dataset, layers=(0, 2), seeds=(0,)), tmp_path, "cpu", QUIET)
    assert record.status == "done", record.error
    assert {row.layer for row in record.table} == {0, 2} and record.basis.layer in (0, 2)
    assert "1 seed: intervals do not include the spread between seeds" in record.notes
    by_level = {row.source: row for row in record.table if row.name == "auroc_macro_by_level"}
    assert {row.layer for row in by_level.values()} == {record.basis.layer}
    assert {row.stratum for row in by_level.values()} == {"same family"} and by_level["sae"].value > 0.9
    assert set(by_level) == {name for name, role in record.roles.items() if role != "ablation"}
    gains = {(row.name, row.layer) for row in record.table if row.stratum == "over kmer"}
    assert gains == {(name, layer) for name in ("gain_auroc", "gain_mcc") for layer in (0, 2)}


def test_one_aggregation_for_all_sources_where_it_is_asked_for(tmp_path: Path) -> None:
    dataset = planted_dataset()
    cell = make_cell(PlantedModel(dataset), dataset, aggregate="max", seeds=(0,))
    record = run_cell(cell, tmp_path, "cpu", QUIET)
    assert record.status == "done", record.error
    assert record.selected["aggregation"] == "full maximum" and record.settings["aggregate"] == "max"
    assert "the score of a sequence is its full maximum, as asked for" in record.notes
    scored = {row.source for row in record.table if row.name == "auroc_macro" and row.stratum == "full maximum"}
    assert {"sae", "kmer", "length", "neuron"} <= scored


def test_a_cell_without_an_aggregation_of_its_own_is_the_cell_it_was_before_there_were_any() -> None:
    assert "aggregate" not in SaeFamiliesSettings().model_dump()


def test_presets_fill_in_what_is_not_given() -> None:
    demo = SaeFamiliesSettings(preset="demo")
    assert demo.steps < SaeFamiliesSettings().steps and demo.sae_config(128).steps == demo.steps
    assert 1 < len(demo.seeds) < len(SaeFamiliesSettings().seeds)
    assert SaeFamiliesSettings(preset="demo", steps=5).steps == 5
    assert SaeFamiliesSettings(preset="demo", seeds=(3,)).seeds == (3,)
    paper = SaeFamiliesSettings(preset="sae-rna").sae_config(1280)
    assert (paper.activation, paper.learning_rate, paper.batch_size) == ("relu", 1e-3, 1024)
    assert SaeFamiliesSettings(preset="wide").sae_config(20).features == 160
    assert SaeFamiliesSettings(preset="wide", features="2d").sae_config(20).features == 40
    with pytest.raises(InputError, match="k = 32 active features out of 8"):
        SaeFamiliesSettings(features=8, k=32)
    with pytest.raises(InputError, match="k = 500 active features out of 80"):
        SaeFamiliesSettings(k=500).sae_config(20)


def test_what_a_model_of_this_width_cannot_have_is_refused_before_it_runs() -> None:
    card = PlantedModel(planted_dataset()).card
    assert card.width == 12 and SaeFamiliesSettings(k=48).narrowed_to(card).k == 48
    with pytest.raises(InputError, match="k = 49 active features out of 48"):
        SaeFamiliesSettings(k=49).narrowed_to(card)
    letters = card.model_copy(update={"width": None})  # not applicable, which the cell says
    assert SaeFamiliesSettings(k=49).narrowed_to(letters).k == 49


def test_the_size_follows_the_width_of_the_model() -> None:
    assert SaeFamiliesSettings().sae_config(640) == SAEConfig.for_width(640)
    assert SaeFamiliesSettings(k=9).sae_config(640) == SAEConfig.for_width(640, k=9)


def test_a_dataset_without_families_is_not_applicable(tmp_path: Path) -> None:
    dataset = planted_dataset()
    plain = dataset.subset(record for record in dataset.records if record.family == "F0")
    record = run_cell(make_cell(PlantedModel(dataset), plain), tmp_path, "cpu", QUIET)
    assert record.status == "not-applicable" and "at least two" in (record.error or "")


def test_groups_are_compared_with_controls_and_change_nothing_else(
    tmp_path: Path, knowing: tuple[ResultRecord, Path]
) -> None:
    dataset = planted_dataset()
    cell = make_cell(PlantedModel(dataset), dataset, groups=("F0+F1", "F2+F3"))
    record = run_cell(cell, tmp_path, "cpu", QUIET)
    assert record.status == "done", record.error
    metrics, plain = dict(record.metrics), knowing[0]
    separation = metrics.pop("group_separation")
    assert metrics == plain.metrics and "AUROC" in separation.unit and separation.n == 2
    assert tuple(row for row in record.table if row.name != "group_separation") == plain.table
    rows = {row.source: row.value for row in record.table if row.name == "group_separation"}
    assert set(rows) == set(record.roles) - {"dense-probe"} and rows["sae"] == separation.value
    table = pd.read_parquet(cell.path(tmp_path).with_suffix("") / "groups.parquet")
    firsts = table.groupby("seed").first()
    assert separation.value == pytest.approx(firsts.test_auroc.mean())
    assert any("in 3 ways: p cannot be below about 0.33" in note for note in record.notes) and table.p.min() > 0.2
    pictures = [
        folder / "similarity.svg" for folder in (cell.path(tmp_path).with_suffix(""), knowing[1].with_suffix(""))
    ]
    assert pictures[0].read_bytes() == pictures[1].read_bytes()
    assert "planted · planted (simulated) · layer 2" in pictures[0].read_text(encoding="utf-8")
    assert not any("groups" in file for file in plain.files) and any("similarity.svg" in file for file in plain.files)


def test_an_unknown_family_ends_the_cell_before_any_work(tmp_path: Path) -> None:
    dataset = planted_dataset()
    model = PlantedModel(dataset)
    record = run_cell(make_cell(model, dataset, groups=("F0", "F9")), tmp_path, "cpu", QUIET)
    assert record.status == "failed" and model.passes == 0
    assert record.error is not None and record.error.startswith("groups: F9 not among the 4 scored families")


class Letters(FakeModel):
    """One-hot nucleotides, as in README: four dimensions that vary, and one that never does."""

    def __init__(self) -> None:
        super().__init__("letters", max_length=None)

    def random_twin(self, initialisation: int = 0) -> ModelAdapter:
        raise NotApplicable("one-hot has no random twin")


def test_features_that_score_all_sequences_alike_are_named_as_failed(tmp_path: Path) -> None:
    """Before, a stability of 1 was shown without a word. Here all sequences hold the same letters in another order."""
    generator, dataset = np.random.default_rng(0), planted_dataset()
    same = dataset.subset(
        replace(record, sequence="".join(generator.permutation(list("ACGU" * 10)))) for record in dataset.records
    )
    record = run_cell(make_cell(Letters(), same, k=32), tmp_path, "cpu", QUIET)
    assert record.status == "done", record.error
    assert record.metrics["fve"].value > 0.9
    failure = "the autoencoders of layer 2 failed: every feature scores all sequences alike in 2 of 2 of them"
    assert record.warnings[0] == failure
    assert record.metrics["stability"].value is None and "failed" in record.metrics["stability"].unit
    assert [row.value for row in record.table if row.name == "stability"] == [None]


def test_item_set_names_what_chooses_and_is_scored_and_no_training_rna(
    tmp_path: Path, knowing: tuple[ResultRecord, Path]
) -> None:
    dataset = planted_dataset()
    train = [record for record in dataset.records if record.split == "train"]
    fewer = dataset.subset(record for record in dataset.records if record is not train[0])
    record = run_cell(make_cell(PlantedModel(dataset), fewer), tmp_path, "cpu", QUIET)
    assert record.dataset.used == knowing[0].dataset.used - 1
    assert record.basis.item_set == knowing[0].basis.item_set
