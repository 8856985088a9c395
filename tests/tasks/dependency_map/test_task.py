"""The whole task on predictions that are structure, on a dead head, on causal and random ones, and on pair scores."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from harness.adapter import ModelAdapter, ModelOptions
from harness.datasets.records import Dataset
from harness.progress import Progress
from harness.result import ResultRecord
from harness.run.cell import Cell, run_cell
from harness.task import Task
from model_adapters.baselines.pairing_prior import PairingPrior
from tasks.dependency_map.data import mirrored, prepare
from tasks.dependency_map.maps import VARIANTS
from tasks.dependency_map.passes import map_of, maps_of, scored, units_of
from tasks.dependency_map.report import UNITS
from tasks.dependency_map.settings import DependencyMapSettings
from tasks.dependency_map.substitutions import Floats
from tasks.dependency_map.task import DependencyMap
from tasks.structure_f1.task import StructureF1
from tests.fakes import FakeModel
from tests.tasks.dependency_map import slow as slow_maps
from tests.tasks.dependency_map.planted import Causal, Contextual, Dead, Structural, dataset
from tests.tasks.structure import slow

DRAWS = {"draws": 100}


def make_cell(model: ModelAdapter, data: Dataset, task: Task | None = None, **settings: object) -> Cell:
    task = task or DependencyMap()
    return Cell(model, task, data, task.settings_type.model_validate(DRAWS | settings), ModelOptions())


def run(model: ModelAdapter, folder: Path, task: Task | None = None, **settings: object) -> ResultRecord:
    return run_cell(make_cell(model, dataset(), task, **settings), folder, "cpu", Progress(quiet=True))


@pytest.fixture(scope="module")
def structural(tmp_path_factory: pytest.TempPathFactory) -> tuple[ResultRecord, Path]:
    folder = tmp_path_factory.mktemp("structural")
    record = run(Structural(dataset()), folder)
    assert record.status == "done", record.error
    return record, make_cell(Structural(dataset()), dataset()).path(folder).with_suffix("")


def test_predictions_that_are_structure_and_attention_that_is_not_and_the_reverse(
    structural: tuple[ResultRecord, Path], tmp_path: Path
) -> None:
    attentive = Dead(dataset())
    by_predictions = [structural[0], run(attentive, tmp_path)]
    by_attention = [run(model, tmp_path, StructureF1()) for model in (Structural(dataset()), attentive)]
    predicted, attended = (
        [record.metrics["f1_pooled"].value for record in records] for records in (by_predictions, by_attention)
    )
    assert predicted[0] > 0.9 and attended[0] < 0.2
    assert predicted[1] < 0.2 and attended[1] > 0.3
    assert not by_predictions[0].warnings
    [warning] = by_predictions[1].warnings
    assert "do not depend on the input" in warning


def test_the_protocol_by_loops_gives_the_same_choice_and_numbers(structural: tuple[ResultRecord, Path]) -> None:
    """Maps, choice of map and threshold, test, partners and mirror images, all by the slow implementations."""
    record, folder = structural
    model, data = Structural(dataset()), dataset()

    def predict(sequence: str) -> np.ndarray:
        return next(model.unmasked_log_probs([sequence]))[1]

    def scored(sequence: str) -> list[dict[tuple[int, int], float]]:
        length = len(sequence)
        dependency = slow_maps.dependency_map(sequence, predict)
        jacobian = slow_maps.jacobian_map(slow_maps.jacobian(sequence, predict))
        squares = (dependency, jacobian)
        return [{(i, j): own[i, j] for i in range(length) for j in range(i + 1, length)} for own in squares]

    def on_the_grid(maps: list[dict[tuple[int, int], float]]) -> list[dict[tuple[int, int], float]]:
        first, second = ({pair: x / unit for pair, x in own.items()} for own, unit in zip(maps, units, strict=True))
        return [
            {pair: x / (1 + x) for pair, x in first.items()},
            {pair: (1 + x / (1 + abs(x))) / 2 for pair, x in second.items()},
        ]

    parts = prepare(data, model, DependencyMapSettings())
    raw = [scored(rna.sequence) for rna in parts.select]
    units = [np.quantile([abs(x) for maps in raw for x in maps[v].values()], 0.99) for v in range(2)]
    assert list(record.selected["units"].values()) == pytest.approx(units)
    validation = [(on_the_grid(maps), set(rna.known_pairs)) for maps, rna in zip(raw, parts.select, strict=True)]

    def by_index(scores: dict[tuple[int, int], float], pairs: set[tuple[int, int]]) -> tuple[np.ndarray, set[int]]:
        return np.array(list(scores.values()), np.float32), {k for k, pair in enumerate(scores) if pair in pairs}

    best = [slow.best_step([by_index(maps[v], pairs) for maps, pairs in validation]) for v in range(2)]
    chosen = 0 if best[0][0] >= best[1][0] else 1
    value, step = best[chosen]
    assert (record.selected["variant"], record.selected["threshold"]) == (VARIANTS[chosen], step / 1000)
    assert record.selected["f1_validation"] == pytest.approx(value)

    counts, wins, compared, mirror = [], 0.0, 0, []
    for rna in parts.test:
        own = on_the_grid(scored(rna.sequence))[chosen]
        counts.append(slow.counts(*by_index(own, set(rna.known_pairs)), np.float32(step / 1000)))
        values = {k: float(np.float32(v)) for k, v in own.items()}
        won, faced = slow_maps.partner_specificity(rna.known_pairs, values, rna.sequence)
        wins, compared = wins + won, compared + faced
        image = mirrored(rna, model)
        reversed_scores = by_index(on_the_grid(scored(image.sequence))[chosen], set(image.known_pairs))
        mirror.append(slow.counts(*reversed_scores, np.float32(step / 1000)))
    metrics = {name: metric.value for name, metric in record.metrics.items()}
    assert metrics["f1_pooled"] == pytest.approx(slow.pooled_f1(counts))
    assert metrics["f1_mirror"] == pytest.approx(slow.pooled_f1(mirror)) and metrics["f1_mirror"] < 0.1
    assert metrics["mirror_gain"] == pytest.approx(metrics["f1_pooled"] - metrics["f1_mirror"])
    assert metrics["partner_specificity"] == pytest.approx(wins / compared, abs=0.01)
    items = pd.read_parquet(folder / "items.parquet").pivot(index="item", columns="metric", values="value")
    assert items["partner_comparisons_same_base"].sum() == compared > 0


def test_the_record_holds_every_number_with_its_interval(structural: tuple[ResultRecord, Path]) -> None:
    record, folder = structural
    assert list(record.metrics) == list(UNITS) and set(DependencyMap.card.columns) <= set(UNITS)
    assert set(DependencyMap.card.labels) == set(UNITS)
    for name, metric in record.metrics.items():
        assert metric.n == 5 and metric.low <= metric.high, name
    assert record.metrics["partner_specificity"].value > 0.9
    sources = {row.source for row in record.table}
    assert sources == {"model", *VARIANTS}
    own = {row.source: row.value for row in record.table if row.name == "f1_pooled" and row.stratum.startswith("own")}
    assert own[record.selected["variant"]] == pytest.approx(record.metrics["f1_pooled"].value)
    alike = {(row.name, row.stratum): row.value for row in record.table if row.name.startswith("likeness")}
    assert alike["likeness_watson_crick", "known pairs"] > 0.7 > abs(alike["likeness_watson_crick", "all pairs"])
    assert alike["likeness_repeat", "known pairs"] < 0
    assert {"variants.parquet", "contacts.svg", "f1-by-length.svg"} <= {path.name for path in folder.iterdir()}
    assert record.dataset.used == 16 and record.basis.item_set


def test_weak_predictions_choose_among_as_many_thresholds_as_strong_ones(tmp_path: Path) -> None:
    """A twentieth of the logits: other probabilities in about the same order, and so about the same score."""

    class Weak(Structural):
        def logits(self, sequence: str) -> Floats:
            return super().logits(sequence) / 20

    strong, weak = (run(make(dataset()), tmp_path / make.__name__) for make in (Structural, Weak))
    assert weak.status == "done" and not weak.warnings
    assert weak.metrics["f1_pooled"].value == pytest.approx(strong.metrics["f1_pooled"].value, abs=0.03)
    units = [record.selected["units"]["dependency-map"] for record in (strong, weak)]
    assert units[1] < units[0] / 10


def test_predictions_without_structure_are_at_chance(tmp_path: Path) -> None:
    record = run(Contextual(), tmp_path)
    assert record.status == "done" and not record.warnings
    assert record.metrics["f1_pooled"].value < 0.3
    assert 0.3 < record.metrics["pair_conditional_auroc"].value < 0.7


def test_a_causal_model_is_scored_on_one_triangle_and_its_page_says_so(tmp_path: Path) -> None:
    record = run(Causal(), tmp_path)
    assert record.status == "done", record.error
    assert any("one triangle" in note for note in record.notes)
    assert record.metrics["f1_pooled"].value is not None


def test_scores_of_pairs_are_one_map_without_fingerprints(tmp_path: Path) -> None:
    record = run(PairingPrior(ModelOptions()), tmp_path)
    assert record.status == "done", record.error
    assert record.selected["variant"] == "pair-scores" and not record.warnings
    # a rule of letters finds the mirror image as well
    assert record.metrics["mirror_gain"].value == pytest.approx(0, abs=0.05)
    assert not any(row.name.startswith("likeness") for row in record.table)
    assert record.metrics["pair_conditional_auroc"].value is not None


def test_a_model_without_predictions_of_nucleotides_is_refused_in_one_line(tmp_path: Path) -> None:
    record = run(FakeModel(capabilities={"attention", "log_probs"}), tmp_path)
    assert record.status == "not-applicable"
    assert "neither causal_log_probs nor pair_scores nor unmasked_log_probs" in (record.error or "")
    assert "\n" not in (record.error or "")


def test_pairs_inside_one_token_are_no_dependencies() -> None:
    class Coarse(Contextual):
        def token_of(self, sequence: str) -> np.ndarray:
            return np.arange(len(sequence)) // 3

    rna = prepare(dataset(), Coarse(), DependencyMapSettings()).test[0]
    raw = [map_of(Coarse(), rna)]
    [found] = scored(Coarse(), [rna], raw, units_of(Coarse(), raw))
    assert len(rna.inside) and (found.scores[:, rna.inside] < 0).all() and not raw[0].scores[:, rna.inside].any()
    assert (np.delete(found.scores, rna.inside, axis=1) >= 0).all()


def test_maps_survive_a_stop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stopped in the second eight RNAs, a run makes the maps of the first eight no second time."""
    asked: list[str] = []

    class Stopping(Structural):
        stops = True

        def unmasked_log_probs(self, sequences: Sequence[str]) -> Iterator[tuple[int, Floats]]:
            asked.append(sequences[0])
            if self.stops and len(asked) == 12:
                raise KeyboardInterrupt
            yield from super().unmasked_log_probs(sequences)

    monkeypatch.setattr("harness.task.KEPT_AFTER_SECONDS", 0.0)
    with pytest.raises(KeyboardInterrupt):
        run(Stopping(dataset()), tmp_path)
    before = list(asked)
    monkeypatch.setattr(Stopping, "stops", False)
    record = run(Stopping(dataset()), tmp_path)
    assert record.status == "done"
    # eight validation RNAs were kept whole; of the test RNAs three had to be made again
    assert asked[len(before) :][0] == before[8] and len(asked) == len(before) + 16
    expected = run(Structural(dataset()), tmp_path / "whole")
    assert record.metrics == expected.metrics


def test_the_cost_is_told_before_the_start(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_cell(make_cell(Structural(dataset()), dataset()), tmp_path, "cpu", Progress())
    lines = capsys.readouterr().err.splitlines()
    [place] = [k for k, line in enumerate(lines) if "24 maps: " in line and "forward passes over" in line]
    assert place < lines.index("maps")


def test_maps_come_in_the_order_of_the_rnas(structural: tuple[ResultRecord, Path], tmp_path: Path) -> None:
    from harness.task import CellContext

    model = Structural(dataset())
    rnas = prepare(dataset(), model, DependencyMapSettings()).test
    found = maps_of(model, [*rnas, *rnas[:2]], CellContext("cpu", tmp_path, tmp_path, Progress(quiet=True)), "some")
    for own, rna in zip(found, [*rnas, *rnas[:2]], strict=True):
        alone = map_of(model, rna)
        np.testing.assert_array_equal(own.scores, alone.scores)
        assert own.largest == alone.largest
