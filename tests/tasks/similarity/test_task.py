"""similarity from a cell to its record: models that learned a known part, states kept, models that are refused."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from harness.adapter import ModelAdapter, ModelOptions
from harness.progress import Progress
from harness.publish.scores import board, place_of
from harness.result import ResultRecord, read_records
from harness.run.cell import Cell, run_cell
from harness.statistics.draws import read_draws
from tasks.similarity.comparisons import PERMUTATIONS, comparers
from tasks.similarity.data import prepare
from tasks.similarity.floors import FLOORS
from tasks.similarity.report import REMOVED
from tasks.similarity.settings import SimilaritySettings
from tasks.similarity.states import NUCLEOTIDES, key
from tasks.similarity.stored import read_states
from tasks.similarity.task import Similarity
from tests.fakes import FakeModel
from tests.tasks.similarity import slow
from tests.tasks.similarity.planted import LAYERS, Floats, Mixing, WithoutTwin, dataset

SETTINGS: dict[str, object] = {"seeds": (0, 1, 2), "per_sequence": 8, "neighbours": 5, "draws": 200}


def run(model: ModelAdapter, folder: Path, **settings: object) -> tuple[ResultRecord, Path]:
    own = SimilaritySettings.model_validate(SETTINGS | settings)
    cell = Cell(model, Similarity(), dataset(), own, ModelOptions())
    return run_cell(cell, folder, "cpu", Progress(quiet=True)), cell.path(folder).with_suffix("")


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> tuple[ResultRecord, Path]:
    record, folder = run(Mixing(learned=2), tmp_path_factory.mktemp("learned"))
    assert record.status == "done", record.error
    return record, folder


def value(record: ResultRecord, name: str) -> float:
    assert record.status == "done", record.error
    found = record.metrics[name].value
    assert found is not None
    return found


def test_what_was_learned_is_told_from_random_weights(learned: tuple[ResultRecord, Path], tmp_path: Path) -> None:
    untrained, _ = run(Mixing(), tmp_path)
    assert value(learned[0], "learned_change") > 0.3 and (learned[0].metrics["learned_change"].low or 0) > 0.2
    metric = untrained.metrics["learned_change"]
    assert metric.low is not None and metric.high is not None and metric.low < 0 < metric.high < 0.2
    assert value(learned[0], "cka_between_twins") - value(learned[0], "cka_twin") == pytest.approx(
        value(learned[0], "learned_change")
    )
    assert value(learned[0], "learned_change_neighbours") > 0.1
    assert value(learned[0], "learned_change_sequences") > 0.3


def test_the_headline_is_what_slow_loops_say(tmp_path: Path) -> None:
    record, _ = run(Mixing(learned=2), tmp_path, limit=10)
    sample = prepare(dataset(), SimilaritySettings.model_validate(SETTINGS | {"limit": 10}))
    models = [Mixing(learned=2), *(Mixing(1 + seed) for seed in range(3))]
    rna = [place // 8 for place in range(8 * len(sample.records))]

    def states(model: Mixing, layer: int) -> np.ndarray:
        both = zip(sample.records, sample.positions, strict=True)
        return np.concatenate([model.states(record.sequence, layer)[own] for record, own in both]).astype(np.float64)

    def cka(x: np.ndarray, y: np.ndarray) -> float:
        return slow.cka(x, y, slow.hsic_of_rnas, rna)

    changes = []
    for layer in range(1, LAYERS + 1):
        own, *twins = (states(model, layer) for model in models)
        apart = [(a, b) for place, a in enumerate(twins) for b in twins[:place]]
        changes.append(np.mean([cka(a, b) for a, b in apart]) - np.mean([cka(own, twin) for twin in twins]))
        neighbours = np.mean([slow.shared_neighbours(own, twin, rna, 5) for twin in twins])
    assert value(record, "learned_change") == pytest.approx(np.mean(changes), abs=1e-5)
    # the last layer sees five letters, so that few nucleotides are alike
    [row] = [row for row in record.table if row.name == "neighbours_twin" and row.layer == LAYERS]
    assert row.value == pytest.approx(neighbours, abs=0.01)


def test_controls_are_in_the_cell(learned: tuple[ResultRecord, Path]) -> None:
    """A twin in the place of the model changes nothing, permuted RNAs are at zero and at chance."""
    record, folder = learned
    draws = read_draws(folder / "draws.parquet")
    assert place_of(record, "learned_change", draws) == ("learned_change", "model", None, "")
    [score] = board(read_records(folder.parents[3])[0]).models
    assert score.gain is not None and set(score.gain.over) == {"random-twin"} and score.gain.smallest.low > 0
    floor = draws["learned_change", "random-twin", None, ""]  # type: ignore[index]
    assert floor.value == pytest.approx(0, abs=1e-9) and floor.interval().low < 0 < floor.interval().high
    null, chance = record.metrics["cka_permuted"], record.selected["neighbours_by_chance"]
    assert null.low is not None and null.high is not None and null.value is not None
    assert null.low < 0 < null.high and abs(null.value) < 3 * (null.high - null.low) / 4 / np.sqrt(PERMUTATIONS)
    assert value(record, "neighbours_permuted") == pytest.approx(chance, abs=0.01)


def test_the_embeddings_are_the_letters(learned: tuple[ResultRecord, Path]) -> None:
    table = (
        pd.read_parquet(learned[1] / "layer_pairs.parquet").set_index(["first", "first_layer", "second"]).sort_index()
    )
    assert table.loc[("model", 0, "letters"), "cka"].item() == pytest.approx(1, abs=0.1)
    assert abs(table.loc[("model", 0, "position"), "cka"].item()) < 0.1
    around = table.loc[("random-twin", 1, "letters-around")]
    assert around["cka"].item() > 0.3 and around["cka_low"].item() < around["cka"].item()
    assert set(Similarity.card.columns) | set(learned[0].metrics) <= set(Similarity.card.labels)
    assert {f"cka_{name.replace('-', '_')}" for name in FLOORS} <= set(learned[0].metrics)


def test_rows_without_letters_stand_beside_the_raw_ones(learned: tuple[ResultRecord, Path]) -> None:
    """Layer 0 holds the letter alone; above it, twins share their neighbours' letters less than the letter itself."""
    record, _ = learned
    rows = {(row.name, row.source, row.layer): row.value for row in record.table if row.stratum == REMOVED}
    assert rows["learned_change", "model", 0] is None and rows["cka_between_twins", "random-twin", 0] is None
    assert any("the letter alone" in note and note.endswith(": model 0, random-twin 0") for note in record.notes)
    for layer in range(1, LAYERS + 1):
        twins, own = rows["cka_between_twins", "random-twin", layer], rows["cka_twin", "model", layer]
        assert rows["learned_change", "model", layer] == pytest.approx(twins - own)
    changes = [rows["learned_change", "model", layer] for layer in range(1, LAYERS + 1)]
    assert rows["learned_change", "model", None] == pytest.approx(np.mean(changes))
    assert ("cka_letters", "model", 1) not in rows and rows["cka_letters_around", "model", 1] > 0.1


def test_states_are_kept_and_compare_as_they_did(learned: tuple[ResultRecord, Path]) -> None:
    record, folder = learned
    kept = read_states(folder)
    assert {source: list(layers) for source, layers in kept.items()} == {
        source: list(range(LAYERS + 1)) for source in ("model", "random-twin")
    }
    names = pd.read_parquet(folder / "nucleotides.parquet")
    assert len(names) == 8 * record.dataset.used == len(kept["model"][0])
    comparer, _ = comparers(8, 5, names["letter"].to_numpy(), np.ones((1, record.dataset.used)))
    views = [comparer.view({key(NUCLEOTIDES, 2): kept[source][2]}, 2) for source in ("model", "random-twin")]
    found = comparer.compare(*views)
    table = pd.read_parquet(folder / "layer_pairs.parquet")
    at = table[(table["first"] == "model") & (table["second"] == "random-twin")]
    expected = at[(at["first_layer"] == 2) & (at["second_layer"] == 2)]
    assert found["cka"].value == pytest.approx(expected["cka"].item(), abs=1e-3)
    assert found["neighbours"].value == pytest.approx(expected["neighbours"].item(), abs=0.02)
    items = pd.read_parquet(folder / "items.parquet")
    assert len(items) == (LAYERS + 1) * record.dataset.used
    assert {"layers.svg", "depth.svg"} <= {path.name for path in folder.iterdir()}


def test_a_model_without_a_twin_has_its_maps_alone(tmp_path: Path) -> None:
    record, folder = run(WithoutTwin(), tmp_path)
    assert record.status == "done", record.error
    assert record.metrics["learned_change"].value is None and record.metrics["cka_first_last"].value is not None
    assert any("no random twin" in note for note in record.notes)
    assert not (folder / "depth.svg").exists() and (folder / "layers.svg").exists()


def test_a_constant_layer_is_named(tmp_path: Path) -> None:
    class Constant(WithoutTwin):
        def states(self, sequence: str, layer: int) -> Floats:
            own = super().states(sequence, layer)
            return np.ones_like(own) if layer == 1 else own

    record, _ = run(Constant(), tmp_path)
    assert record.status == "done", record.error
    assert any("no CKA: model 1" in note for note in record.notes)


def test_what_is_wrong_with_states_is_said_in_one_line(tmp_path: Path) -> None:
    class Short(Mixing):
        def states(self, sequence: str, layer: int) -> Floats:
            return super().states(sequence, layer)[1:]

    class Silent(Mixing):
        def hidden_states(
            self, sequences: Sequence[str], layers: Sequence[int]
        ) -> Iterator[tuple[int, dict[int, Floats]]]:
            yield from super().hidden_states(sequences[1:], layers)

    for model, words in ((Short(), "an array of shape (29, 24)"), (Silent(), "hidden states for 23 of 24 sequences")):
        record, _ = run(model, tmp_path)
        assert record.status == "failed" and words in (record.error or "") and "\n" not in (record.error or "")
    record, _ = run(FakeModel(capabilities={"attention"}), tmp_path)
    assert record.status == "not-applicable"


def test_a_stopped_run_goes_on_with_the_states_it_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    class Stopping(Mixing):
        stops = True

        def hidden_states(
            self, sequences: Sequence[str], layers: Sequence[int]
        ) -> Iterator[tuple[int, dict[int, Floats]]]:
            asked.append(self.card.name)
            yield from super().hidden_states(sequences, layers)

        def random_twin(self, initialisation: int = 0) -> ModelAdapter:
            if self.stops and len(asked):
                raise KeyboardInterrupt
            return super().random_twin(initialisation)

    monkeypatch.setattr("harness.task.KEPT_AFTER_SECONDS", 0.0)
    with pytest.raises(KeyboardInterrupt):
        run(Stopping(), tmp_path)
    monkeypatch.setattr(Stopping, "stops", False)
    record, _ = run(Stopping(), tmp_path)
    assert record.status == "done" and asked == ["mixing"]
    assert record.metrics == run(Mixing(), tmp_path / "whole")[0].metrics


class Local(FakeModel):
    """States that windows do not change, of the twins too, which differ from one another."""

    shift = 0

    def random_twin(self, initialisation: int = 0) -> ModelAdapter:
        twin = Local("local", f"random-{initialisation}", max_length=self.card.max_length)
        twin.shift = initialisation + 1
        return twin

    def hidden_states(self, sequences: Sequence[str], layers: Sequence[int]) -> Iterator[tuple[int, dict[int, Floats]]]:
        for index, states in super().hidden_states(sequences, layers):
            yield index, {layer: own @ _turned(self.shift + layer) for layer, own in states.items()}


def _turned(number: int) -> Floats:
    return np.random.default_rng(number).normal(size=(5, 5)).astype(np.float32)


def test_in_windows_a_model_reads_what_one_without_a_limit_reads(tmp_path: Path) -> None:
    longest = max(len(record.sequence) for record in dataset().records)
    whole, _ = run(Local("local", max_length=None), tmp_path)
    windows, _ = run(Local("local", max_length=longest // 2), tmp_path, long="window")
    assert windows.status == "done", windows.error
    for name, own in whole.metrics.items():  # products of matrices differ in their last digits with the length
        assert windows.metrics[name].value == pytest.approx(own.value, abs=1e-5)
    assert windows.basis == whole.basis and any("were read in windows" in note for note in windows.notes)
