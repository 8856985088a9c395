"""The best layer of a cell beside its last one, and what the intervals of its numbers may be."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from harness.publish.pages.page import render_page
from harness.publish.scores import boards, place_of
from harness.result import read_records
from harness.statistics.draws import read_draws
from tasks.overlap_ratio.task import OverlapRatio
from tests.tasks.overlap_ratio.planted import FamilyModel, dataset, records
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
    rows = [row for row in record.table if (row.source, row.layer) == ("mean", 1)]
    assert rows and {row.stratum for row in rows} == {
        "test half of the families",
        "test half, centred on the other half",
    }
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
    shares = [name for name in record.metrics if name.startswith(("overlap", "auroc", "best_f1"))]
    ends = [(record.metrics[name], *ranges.get(name, (0, 1))) for name in (*shares, *ranges)]
    ends += [(row, *ranges.get(row.name, (0, 1))) for row in record.table]
    for found, lowest, highest in ends:
        assert found.low is None or lowest <= found.low <= found.high <= highest, found
    drawn = read_draws(folder / "draws.parquet")["auroc", "mean", 2, "all families"]
    assert np.nanpercentile(drawn.draws, 97.5) > 1 == record.metrics["auroc"].high
