"""The best layer of a cell beside its last one, and what the intervals of its numbers may be."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from harness.publish.pages.page import render_page
from harness.publish.scores import boards, place_of
from harness.result import read_records
from harness.statistics.draws import read_draws
from harness.task import Place
from tasks.overlap_ratio.report import CENTRED, CHOOSING, HALF, WHITENED
from tasks.overlap_ratio.task import OverlapRatio
from tests.tasks.overlap_ratio.planted import WIDTH, FamilyModel, dataset, records
from tests.tasks.overlap_ratio.test_task import rows_of, run


class Early(FamilyModel):
    """Knows in its first layer what it has forgotten in its last."""

    def states(self, sequence: str, layer: int) -> np.ndarray:
        return super().states(sequence, 2 - layer)


def test_a_better_layer_is_told_and_is_not_the_headline(tmp_path: Path) -> None:
    data = dataset(records(families=16))
    record, _ = run(Early(data), data, tmp_path, layers=(0, 1, 2))
    assert record.basis.layer == 2 and record.selected["best_layer"] == 0
    assert record.metrics["overlap_ratio_mean"].value > 0.6
    best = rows_of(record, "overlap_ratio", layer=0, stratum="test half of the families")
    assert [record.metrics["overlap_ratio_best_layer"].value] == best and best[0] < 0.1
    assert any("layer 0 does best on the validation half" in note for note in record.notes)


class Middle(FamilyModel):
    """Knows families in its middle layer alone."""

    def states(self, sequence: str, layer: int) -> np.ndarray:
        return super().states(sequence, {0: 0, 1: 2, 2: 1}[layer])


def test_the_best_layer_comes_with_the_last_one_from_the_same_pass(tmp_path: Path) -> None:
    data = dataset(records(families=16))
    model = Middle(data)
    record, folder = run(model, data, tmp_path / "last", layers=(2,))
    assert sorted(model.asked) == sorted(r.sequence for r in data.records)  # each once
    best = record.metrics["overlap_ratio_best_layer"]
    assert record.selected["best_layer"] == 1 and record.basis.layer == 2
    assert best.low <= best.value <= best.high < 0.3 and best.n == 8
    assert record.metrics["overlap_ratio_mean"].value > 0.6
    assert any("layer 1 does best on the validation half, of 3 layers" in note for note in record.notes)
    # in the columns of the page, with draws that two models can be compared by
    assert OverlapRatio.card.columns[:2] == ("overlap_ratio_mean", "overlap_ratio_best_layer")
    draws = read_draws(folder / "draws.parquet")
    place = place_of(record, "overlap_ratio_best_layer", draws)
    assert place == ("overlap_ratio", "mean", 1, "test half of the families")
    assert np.isfinite(draws[place].draws).sum() > 90
    # nothing else depends on whether the other layers were asked for
    every, _ = run(Middle(data), data, tmp_path / "all", layers=(0, 1, 2))
    assert every.metrics == record.metrics
    rows = [row for row in record.table if (row.source, row.layer) == ("mean", 1) and "_by_" not in row.name]
    assert rows and {row.stratum for row in rows} == {HALF, CHOOSING, CENTRED, WHITENED}
    assert set(record.table) <= set(every.table)


def test_layers_above_the_one_asked_for_may_be_the_best(tmp_path: Path) -> None:
    data = dataset(records(families=16))
    record, _ = run(FamilyModel(data), data, tmp_path, layers=(0,))
    assert record.basis.layer == 0 and record.selected["best_layer"] == 2
    assert record.metrics["overlap_ratio_best_layer"].value < 0.1 < 0.6 < record.metrics["overlap_ratio_mean"].value


class OneLayer(FamilyModel):
    """A folder of arrays of the last layer."""

    def layers_held(self, sequences: Sequence[str]) -> tuple[int, ...]:
        return (2,)


def test_of_one_layer_none_is_the_best(tmp_path: Path) -> None:
    data = dataset()
    record, _ = run(OneLayer(data), data, tmp_path)
    assert "overlap_ratio_best_layer" not in record.metrics and "best_layer" not in record.selected
    assert not any("does best" in note for note in record.notes)
    # a dash on the page, beside a model of several layers
    run(Middle(data, name="beside"), data, tmp_path)
    page = render_page("overlap-ratio", boards(read_records(tmp_path)[0]), tmp_path).text
    assert "| overlap ratio of the best layer " in page
    row = next(line for line in page.splitlines() if line.startswith("|") and "**planted**" in line)
    assert row.split("|")[5].strip() == "–"


def test_intervals_stay_within_what_a_number_can_be(tmp_path: Path) -> None:
    """Three drawings of few pairs differ, and the spread between them is stretched: beyond 1 if it were not cut."""
    data = dataset(records(families=10))
    record, folder = run(FamilyModel(data, knows=0.4), data, tmp_path, pair_count=40)
    ranges = {"mcc": (-1, 1), "difference_of_means": (-2, 2), "difference_of_medians": (-2, 2)}
    signed = {"difference_by_half": (-1, 1)}
    shares = [name for name in record.metrics if name.startswith(("overlap", "auroc", "best_f1"))]
    ends = [(record.metrics[name], *ranges.get(name, (0, 1))) for name in (*shares, *ranges)]
    ends += [(row, *(ranges | signed).get(row.name, (0, 1))) for row in record.table]
    for found, lowest, highest in ends:
        assert found.low is None or lowest <= found.low <= found.high <= highest, found
    drawn = read_draws(folder / "draws.parquet")["auroc", "mean", 2, "all families"]
    assert np.nanpercentile(drawn.draws, 97.5) > 1 == record.metrics["auroc"].high


def test_whitening_finds_families_that_one_loud_direction_hides(tmp_path: Path) -> None:
    """The direction varies within families; centring leaves it, whitening makes it one of many."""

    class Loud(FamilyModel):
        def states(self, sequence: str, layer: int) -> np.ndarray:
            loudness = np.random.default_rng([zlib.crc32(sequence.encode()), 9]).normal()
            return super().states(sequence, layer) + 60 * loudness * np.eye(WIDTH, dtype=np.float32)[0]

    data = dataset(records(families=30))
    record, _ = run(Loud(data), data, tmp_path)
    own = {name: record.metrics[f"overlap_ratio_{name}"].value for name in ("mean", "centred", "whitened")}
    assert own["whitened"] < 0.6 < min(own["mean"], own["centred"])


def test_families_that_chose_the_best_layer_stand_beside_those_that_chose_nothing(tmp_path: Path) -> None:
    data = dataset(records(families=16))
    record, folder = run(Middle(data), data, tmp_path)
    rows = {row.stratum: row for row in record.table if row.name.endswith("_by_half")}
    assert len(rows) == 6
    draws = read_draws(folder / "draws.parquet")
    for which, layer in (("last layer", 2), ("best layer", 1)):
        used, test, change = (
            rows[f"{half}, {which}"] for half in ("validation half", "test half", "test half less validation half")
        )
        assert [used.value] == rows_of(
            record, "overlap_ratio", layer=layer, stratum="validation half of the families"
        ) and {used.n, test.n, change.n} == {8}
        assert change.value == test.value - used.value
        halves = [draws[Place("overlap_ratio", "mean", layer, half)].draws for half in (HALF, CHOOSING)]
        low, high = np.nanpercentile(halves[0] - halves[1], [2.5, 97.5])
        assert [change.low, change.high] == pytest.approx([low, high], abs=1e-6)
    assert rows["test half, best layer"].value == record.metrics["overlap_ratio_best_layer"].value
