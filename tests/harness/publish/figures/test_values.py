from __future__ import annotations

from pathlib import Path

import numpy as np

from harness.publish.figures.values import as_written, seed_of
from harness.publish.groups import Records
from harness.statistics.bootstrap import Interval
from tests.harness.publish.figures.made import record, standings

DRAWS = np.linspace(0, 1, 50)


def changed(members: Records, **changes: object) -> Records:
    return [(path, own.model_copy(update={"cell": own.cell + "x"} | changes)) for path, own in members]


def test_what_is_not_comparable_is_not_one_trial_and_says_how_it_differs(tmp_path: Path) -> None:
    members = [record(tmp_path, name, 0.5, DRAWS) for name in ("one", "two")]
    settings = members[0][1].settings | {"scale": 2.0}
    limited, scaled = changed(members, limit=40), changed(members, settings=settings)
    found = standings([*members, *limited, *scaled])
    assert sorted(trial.title for trial in found) == [
        "fake-set, limited to 40",
        "fake-set, scale 1.0",
        "fake-set, scale 2.0",
    ]
    assert len({trial.file_name("figure") for trial in found}) == 3
    for _, own in members:
        assert sum(own.cell == score.record.cell for trial in found for score in trial.board.models) == 1


def test_simulated_data_and_controls_make_no_trial(tmp_path: Path) -> None:
    simulated = [
        (path, own.model_copy(update={"dataset": own.dataset.model_copy(update={"simulated": True})}))
        for path, own in [record(tmp_path, "one", 0.5, DRAWS)]
    ]
    assert standings(simulated) == []
    assert standings([record(tmp_path, "kmer", 0.5, DRAWS, card={"role": "floor"})]) == []


def test_a_model_counts_once(tmp_path: Path) -> None:
    first, second = record(tmp_path, "one", 0.5, DRAWS), record(tmp_path, "two", 0.6, DRAWS)
    again = changed([first])
    path, own = again[0]
    again = [(path, own.model_copy(update={"files": {f"{own.cell}/draws.parquet": None}}))]
    (trial,) = standings([first, second, *again])
    assert [own.name for own in trial.board.models] == ["two", "one", "one"]
    assert [own.name for own in trial.models] == ["two", "one"]


def test_an_interval_regains_its_sign() -> None:
    turned = as_written(Interval(-0.3, -0.4, -0.1, 9), -1)
    assert (turned.value, turned.low, turned.high, turned.n) == (0.3, 0.1, 0.4, 9)
    empty = as_written(Interval(0.3, float("nan"), float("nan"), 9), 1)
    assert (empty.value, empty.low, empty.high) == (0.3, None, None)


def test_seeds_follow_what_was_measured_and_not_its_order(tmp_path: Path) -> None:
    (trial,) = standings([record(tmp_path, name, 0.5, DRAWS) for name in ("one", "two")])
    models = trial.board.models
    assert seed_of(models) == seed_of(models[::-1]) != seed_of(models[:1])
