from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import InputError
from harness.progress import QUIET, Progress
from harness.run.execute import Execution, execute
from harness.run.spec import Planned
from tests.fakes import FakeTask
from tests.harness.run.test_cell import make_cell


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"executor": "ray"}, "--executor is serial, local or slurm, not 'ray'"),
        ({"workers": 2}, "--workers is the number of processes of --executor local"),
        ({"executor": "local", "workers": 0}, "at least 1"),
        ({"slurm": {"partition": "gpu"}}, "--slurm applies to --executor slurm"),
    ],
)
def test_options_of_another_executor_are_refused(given: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Execution(**given)  # type: ignore[arg-type]


def test_finished_cells_are_read_back_in_their_place(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    planned = [Planned(None, make_cell(scale=scale)) for scale in (1.0, 2.0, 3.0)]  # type: ignore[arg-type]
    list(execute(planned[1:2], Execution(), tmp_path, "cpu", QUIET))
    left = planned[1].cell.work(tmp_path)
    runs = FakeTask.runs
    records = list(execute(planned, Execution(), tmp_path, "cpu", Progress()))
    assert [record.cell for record in records] == [own.cell.identity for own in planned]
    assert FakeTask.runs == runs + 2
    told = [line for line in capsys.readouterr().err.splitlines() if line.startswith("fake-share")]
    assert [line.partition(": already done")[1] != "" for line in told] == [False, True, False]
    left.mkdir()  # of a process that was killed between its record and tidying up
    list(execute(planned, Execution(), tmp_path, "cpu", QUIET))
    assert FakeTask.runs == runs + 2 and not left.exists()
    list(execute(planned, Execution(), tmp_path, "cpu", QUIET, force=True))
    assert FakeTask.runs == runs + 5


def test_a_finished_plan_is_read_from_a_folder_that_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned = [Planned(None, make_cell())]  # type: ignore[arg-type]
    (first,) = execute(planned, Execution(), tmp_path, "cpu", QUIET)

    def read_only(results: Path) -> None:
        raise InputError("read-only")

    monkeypatch.setattr("harness.run.execute.check_writable", read_only)
    assert list(execute(planned, Execution(), tmp_path, "cpu", QUIET)) == [first]
    with pytest.raises(InputError, match="read-only"):
        list(execute(planned, Execution(), tmp_path, "cpu", QUIET, force=True))
