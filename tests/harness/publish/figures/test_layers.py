"""Two tasks by layer of one model, with planted peaks: apart, nowhere, and at one layer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from harness.publish.figures.layers import layer_figures, layers_of
from harness.publish.figures.values import Trial
from harness.statistics.bootstrap import Estimate
from harness.statistics.draws import draws_table
from harness.task import EACH_LAYER, Place, TableRow
from tests.harness.publish.figures.made import record, standings

DRAWS, LAYERS = 400, 5
EARLY, LATE = (0.3, 0.6, 0.4, 0.3, 0.2), (0.2, 0.3, 0.4, 0.6, 0.5)


def trial(
    folder: Path, task: str, values: Sequence[float], spread: float = 0.02, validation: Sequence[float] | None = None
) -> Trial:
    """A model whose layers score ``values``, with noise that layers do not share; ``floor`` scores 0.1."""
    generator = np.random.default_rng([*task.encode()])
    draws = {
        Place("share", "model", layer, EACH_LAYER): Estimate(value, value + spread * generator.normal(size=DRAWS), 30)
        for layer, value in enumerate(values)
    }
    rows = [
        TableRow(name="validation", source="model", layer=layer, stratum=EACH_LAYER, value=value)
        for layer, value in enumerate(validation or values)
    ]
    headline = max(values)
    path, made = record(
        folder, "deep", headline, headline + spread * generator.normal(size=DRAWS), task=task, table=rows
    )
    floor = TableRow(name="share", source="floor", layer=made.basis.layer if made.basis else None, value=0.1)
    made = made.model_copy(update={"table": (*made.table, floor), "roles": {"model": "model", "floor": "floor"}})
    own = {Place("share", "model", 2): Estimate(headline, np.full(DRAWS, headline), 30)}
    draws_table(own | draws).to_parquet(path.with_suffix("") / "draws.parquet", index=False)
    (found,) = standings([(path, made)])
    return found


def figure(tmp_path: Path, first: Trial, second: Trial):  # type: ignore[no-untyped-def]
    (found,) = layer_figures([first, second], tmp_path)
    return found


def test_peaks_far_apart_are_a_trade_off(tmp_path: Path) -> None:
    found = figure(tmp_path, trial(tmp_path, "a-probe", EARLY), trial(tmp_path, "b-probe", LATE))
    assert found.answer.startswith("**Layers of deep trade a-probe for b-probe**: a-probe loses 0.300 [")
    assert "at layer 3, b-probe loses 0.300 [" in found.answer and "at layer 1." in found.answer
    rows = [[part.strip() for part in line.split("|")[1:-1]] for line in found.table.splitlines()[2:]]
    assert [row[2] for row in rows] == ["1", "3"] and [row[5] for row in rows] == ["1 [1, 1]", "3 [3, 3]"]
    assert rows[0][6] == "-2 [-2, -2]"
    assert found.picture.count("<polygon") == 2 and found.picture.count("<circle") == 2 * (LAYERS - 1)


def test_the_hardest_floor_of_the_cell_is_a_broken_line(tmp_path: Path) -> None:
    trials = [trial(tmp_path, "a-probe", EARLY), trial(tmp_path, "b-probe", LATE)]
    own = layers_of(trials[0].board.models[0])
    assert own is not None and own.floor == pytest.approx(0.1) and own.score(1).value == pytest.approx(0.6)
    (found,) = layer_figures(trials, tmp_path)
    assert found.picture.count('class="curve broken') == 2


@pytest.mark.parametrize(
    ("first", "second", "spread"),
    [(EARLY, (0.40, 0.41, 0.42, 0.43, 0.42), 0.05), ((0.40, 0.41, 0.40, 0.40, 0.40), LATE, 0.05), (EARLY, LATE, 0.3)],
)
def test_layers_within_their_intervals_conclude_nothing(
    tmp_path: Path, first: Sequence[float], second: Sequence[float], spread: float
) -> None:
    found = figure(tmp_path, trial(tmp_path, "a-probe", first, spread), trial(tmp_path, "b-probe", second, spread))
    assert found.answer.startswith("Whether layers of deep trade one for the other **cannot be told**: a-probe loses")


def test_noise_of_test_items_chooses_no_layer(tmp_path: Path) -> None:
    """The peak on test is elsewhere than that of validation, which alone is believed."""
    flat = (0.5, 0.5, 0.5, 0.5, 0.4)
    first = trial(tmp_path, "a-probe", EARLY, validation=flat[::-1])
    second = trial(tmp_path, "b-probe", LATE, validation=flat[::-1])
    assert "validation prefers layer 1 for both" in figure(tmp_path, first, second).answer


def test_one_task_or_no_layers_make_no_figure(tmp_path: Path) -> None:
    with_layers = trial(tmp_path, "a-probe", EARLY)
    (without,) = standings([record(tmp_path, "deep", 0.5, [0.4, 0.6], task="b-probe")])
    assert list(layer_figures([with_layers, without], tmp_path)) == []
    assert list(layer_figures([with_layers], tmp_path)) == []
