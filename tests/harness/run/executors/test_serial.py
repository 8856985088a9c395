from __future__ import annotations

from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest

from harness.progress import Progress
from harness.result import ResultRecord, exit_code
from harness.run.cell import run_cell
from harness.run.executors.serial import serial
from tests.fakes import FakeModel, MissingModel
from tests.harness.run.test_cell import make_cell

QUIET = Progress(quiet=True)


def test_the_worst_status_decides_the_exit_code(tmp_path: Path) -> None:
    done = run_cell(make_cell(), tmp_path, "cpu", QUIET)
    codes = {"done": 0, "not-applicable": 0, "unavailable": 3, "failed": 1}
    assert exit_code([]) == 0
    for first, second in product(codes, codes):
        records = [done.model_copy(update={"status": status}) for status in (first, second)]
        expected = 1 if "failed" in (first, second) else 3 if "unavailable" in (first, second) else 0
        assert exit_code(records) == expected


def test_a_failing_cell_does_not_stop_the_others(tmp_path: Path) -> None:
    cells = [make_cell(fail=True), make_cell(MissingModel("missing")), make_cell(FakeModel("mute", capabilities=set()))]
    records = list(serial([*cells, make_cell()], tmp_path, "cpu", QUIET))
    assert [record.status for record in records] == ["failed", "unavailable", "not-applicable", "done"]


def test_cells_run_one_by_one_as_they_are_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A killed run keeps every record that was yielded before."""
    running = serial([make_cell(), make_cell(scale=2.0)], tmp_path, "cpu", Progress())
    first: ResultRecord = next(running)
    assert len(list(tmp_path.rglob("*.json"))) == 1
    running.close()
    capsys.readouterr()
    again = list(serial([make_cell(), make_cell(scale=2.0)], tmp_path, "cpu", Progress()))
    assert again[0] == first
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == f"fake-share · fake-set · fake: already done ({make_cell().path(tmp_path)})"
    assert lines[1] == "fake-share · fake-set · fake"


def test_controls_of_nothing_but_impossible_cells_are_left_out(tmp_path: Path) -> None:
    missing, mute, sound = (
        make_cell(MissingModel("missing")),
        make_cell(FakeModel("mute", capabilities=set())),
        make_cell(),
    )
    control = make_cell(scale=2.0)
    for asked in ([missing], [mute], [missing, mute]):
        beside = replace(control, control_of=tuple(asked))
        statuses = [record.status for record in serial([*asked, beside], tmp_path, "cpu", QUIET)]
        assert len(statuses) == len(asked) and "done" not in statuses
    beside = replace(control, control_of=(missing, sound))
    assert [r.status for r in serial([missing, sound, beside], tmp_path, "cpu", QUIET)] == [
        "unavailable",
        "done",
        "done",
    ]
    assert beside.identity == control.identity
