"""fitness from a cell to its record: a model that knows pairs, one that knows letters, and files of one's own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from harness.adapter import ModelAdapter, ModelOptions
from harness.datasets.records import Dataset
from harness.datasets.resolve import load_dataset
from harness.progress import Progress
from harness.publish.pages.page import render_page
from harness.publish.scores import boards, place_of
from harness.result import ResultRecord, read_records
from harness.run.cell import Cell, run_cell
from harness.statistics.draws import read_draws
from tasks.fitness.floors import FLOORS
from tasks.fitness.settings import FitnessSettings
from tasks.fitness.task import Fitness
from tests.fakes import FakeModel
from tests.tasks.fitness.planted import LetterModel, PairingModel, PlantedModel


@pytest.fixture(scope="module")
def data() -> Dataset:
    return load_dataset("hairpin-scans")


def run(model: ModelAdapter, data: Dataset, folder: Path, **settings: object) -> tuple[ResultRecord, Path]:
    own = FitnessSettings.model_validate({"draws": 100} | settings)
    cell = Cell(model, Fitness(), data, own, ModelOptions())
    return run_cell(cell, folder, "cpu", Progress(quiet=True)), cell.path(folder).with_suffix("")


@pytest.fixture(scope="module")
def knowing(data: Dataset, tmp_path_factory: pytest.TempPathFactory) -> tuple[ResultRecord, Path]:
    return run(PairingModel(data), data, tmp_path_factory.mktemp("knowing"))


def value(record: ResultRecord, name: str) -> float:
    assert record.status == "done", record.error
    found = record.metrics[name].value
    assert found is not None
    return found


def test_pairs_are_told_from_letters(knowing: tuple[ResultRecord, Path], data: Dataset, tmp_path: Path) -> None:
    """Where only pairing matters, who knows pairs comes near the ceiling of 0.87, and who knows letters nowhere."""
    record, _ = knowing
    assert value(record, "spearman_match_fill") > 0.8 and value(record, "spearman_pseudo_likelihood") > 0.8
    assert value(record, "spearman") == value(record, "spearman_wt_fill") < 0.65
    assert value(record, "pairing_auroc_match_fill") == value(record, "pairing_auroc_pseudo_likelihood") == 1
    assert value(record, "pairing_auroc_wt_fill") == 0.5
    letters, _ = run(LetterModel(), data, tmp_path)
    assert all(abs(value(letters, name)) < 0.2 for name in letters.metrics if name.startswith("spearman"))
    assert all(value(letters, name) == 0.5 for name in letters.metrics if name.startswith("pairing"))


def test_a_dead_head_is_told_before_any_number(
    knowing: tuple[ResultRecord, Path], data: Dataset, tmp_path: Path
) -> None:
    record, _ = run(LetterModel(), data, tmp_path)
    [warning] = record.warnings
    assert "the predictions of planted do not depend on the input" in warning and "not worth reading" in warning
    assert not knowing[0].warnings
    found, _ = read_records(tmp_path)
    page = render_page("fitness", boards(found), tmp_path / "leaderboards")
    assert "do not depend on the input" in page.text


def test_floors_are_in_the_cell_and_gains_are_over_them(knowing: tuple[ResultRecord, Path], data: Dataset) -> None:
    record, folder = knowing
    assert {source for source, role in record.roles.items() if role == "floor"} == set(FLOORS)
    draws = read_draws(folder / "draws.parquet")
    assert place_of(record, "spearman", draws) == ("spearman", "wt-fill", None, "")
    [(_, _, board)] = boards(read_records(folder.parents[3])[0])
    [score] = board.models
    assert score.gain is not None and set(score.gain.over) == set(FLOORS)
    assert score.gain.smallest.low > 0


def test_tables_recompute_the_metrics(knowing: tuple[ResultRecord, Path], data: Dataset) -> None:
    record, folder = knowing
    variants = pd.read_parquet(folder / "variants.parquet")
    own = [part["wt-fill"].corr(part["measured"], method="spearman") for _, part in variants.groupby("assay")]
    assert value(record, "spearman") == pytest.approx(np.mean(own))
    assert dict(zip(variants["variant"], variants["measured"], strict=True)) == {
        r.id: r.variant.score for r in data.records
    }
    items = pd.read_parquet(folder / "items.parquet")
    assert len(items) == len(variants) * (len(record.roles) + 1)
    kinds = pd.read_parquet(folder / "kinds.parquet").set_index(["kind", "count"])
    assert kinds.loc[("stem disrupted", 2), "measured"] == pytest.approx(-2, abs=0.02)
    assert kinds.loc[("stem compensated", 2), "match-fill"] == pytest.approx(0, abs=1e-6)
    picture = (folder / "scores.svg").read_text()
    assert "stem disrupted" in picture and "hairpin-6" in picture


def test_the_record_says_what_was_compared(knowing: tuple[ResultRecord, Path]) -> None:
    record, _ = knowing
    assert record.selected == {"assays": 6, "headline": "wt-fill"} and record.dataset.used == 720
    assert any("6 assays, 720 variants" in note for note in record.notes)
    assert any("cannot credit a compensating mutation" in note for note in record.notes)
    assert all(
        metric.low is not None and metric.low <= metric.value <= metric.high for metric in record.metrics.values()
    )
    assert set(Fitness.card.columns) | set(record.metrics) <= set(Fitness.card.labels)
    assert {row.stratum for row in record.table if row.name == "spearman"} >= {"", "1 mutation", "assay hairpin-1"}


def test_a_causal_model_has_its_likelihood_as_headline(data: Dataset, tmp_path: Path) -> None:
    record, _ = run(PlantedModel(capabilities=frozenset({"causal_log_probs"})), data, tmp_path)
    assert record.selected["headline"] == "causal-likelihood"
    assert value(record, "spearman") == value(record, "spearman_causal_likelihood")
    assert set(record.metrics) == {"spearman", "spearman_causal_likelihood", "pairing_auroc_causal_likelihood"}


def test_many_variants_have_no_pseudo_likelihood(data: Dataset, tmp_path: Path) -> None:
    record, _ = run(PlantedModel(capabilities=frozenset({"log_probs"})), data, tmp_path, pseudo_likelihood=119)
    assert "spearman_pseudo_likelihood" not in record.metrics
    assert any("no pseudo-likelihood: assay hairpin-1 has 120 variants" in note for note in record.notes)


def test_a_file_of_single_mutants(tmp_path: Path) -> None:
    wild_type = "GGGACUUAAGCCC"
    lines = [f"{wild_type},{letter}{i + 1}A,{i}" for i, letter in enumerate(wild_type) if letter != "A"]
    (tmp_path / "mine.csv").write_text("\n".join(["wild_type,mutant,score", *lines]))
    record, folder = run(PlantedModel(), load_dataset(str(tmp_path / "mine.csv")), tmp_path)
    fills = {value(record, f"spearman_{fill}_fill") for fill in ("wt", "mask", "mut", "match")}
    assert len(fills) == 1 and record.metrics["spearman"].n == len(lines)
    assert any("single mutants only: the four fills are the same" in note for note in record.notes)
    assert any("intervals are over the variants" in note for note in record.notes)
    [count] = [row for row in record.table if row.source == "mutation-count" and not row.stratum]
    assert count.value == 0
    assert not [name for name in record.metrics if name.startswith("pairing")]
    assert (folder / "scores.svg").exists()


def test_other_models_and_datasets_are_not_applicable(data: Dataset, tmp_path: Path) -> None:
    record, _ = run(FakeModel(), data, tmp_path)
    assert record.status == "not-applicable" and "\n" not in (record.error or "")
    record, _ = run(PlantedModel(), load_dataset("rfam-profiles"), tmp_path)
    assert record.status == "not-applicable" and "has no measured variants" in (record.error or "")
