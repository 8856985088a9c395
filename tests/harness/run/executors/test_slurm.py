"""Cells as jobs: what counts is which records exist. By a Slurm of scripts, and by submitit's local executor."""

from __future__ import annotations

import os
import signal
from collections import Counter
from pathlib import Path

import pytest

from harness.errors import InputError
from harness.progress import QUIET, Progress
from harness.run.executors import jobs
from harness.run.executors import slurm as executor
from harness.run.executors.serial import serial
from harness.run.executors.slurm import slurm
from harness.run.spec import Planned
from harness.run.written import read_plan
from tests import fake_slurm
from tests.harness.run.executors.test_local import ROOT, facts, files, lines, pages, planned, trace, wait_for
from tests.harness.run.test_cell import make_cell

__all__ = ["trace"]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executor, "SECONDS_BETWEEN_LOOKS", 0.2)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


def results_only(results: Path) -> dict[str, bytes]:
    return {name: content for name, content in files(results).items() if name.count("/") >= 3}


def test_as_one_process_does_whatever_sacct_says(
    tmp_path: Path, trace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One job is killed, and its cell submitted again; the accounting says PREEMPTED of all of them for ever."""
    cells = planned("slow-a", "slow-b", "slow-c")
    alone = list(serial([own.cell for own in cells], tmp_path / "serial", "cpu", QUIET))
    cluster = fake_slurm.install(tmp_path / "cluster", monkeypatch)
    (tmp_path / "trace.once").mkdir()
    (tmp_path / "trace.once" / "slow-b").touch()
    trace.write_text("")
    options = {"partition": "gpu", "time": "30", "reservation": "mine"}
    together = list(slurm(cells, tmp_path / "slurm", "cpu", options, Progress()))
    assert facts(together) == facts(alone)
    assert results_only(tmp_path / "slurm") == files(tmp_path / "serial")
    assert pages(tmp_path / "slurm") == pages(tmp_path / "serial")
    assert Counter(model for _, model, _ in lines(trace, "run")) == {"slow-a": 1, "slow-b": 2, "slow-c": 1}
    assert len(fake_slurm.calls(cluster, "sbatch")) == 2 and not fake_slurm.calls(cluster, "sacct")
    script = next((tmp_path / "slurm" / "slurm").glob("*_submission.sh")).read_text()
    for line in ("partition=gpu", "time=30", "reservation=mine", "mem=8GB"):
        assert f"#SBATCH --{line}\n" in script
    assert read_plan(tmp_path / "slurm") == [own.spec for own in cells]
    told = capsys.readouterr().err
    assert "3 jobs submitted" in told and "1 jobs submitted" in told and "3/3" in told


class Interrupted(Progress):
    def message(self, text: str) -> None:
        if text.endswith("submitted"):
            raise KeyboardInterrupt


def test_jobs_outlive_the_command_and_the_next_one_waits_for_them(
    tmp_path: Path, trace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster = fake_slurm.install(tmp_path / "cluster", monkeypatch)
    hangs = tmp_path / "trace.hangs" / "slow-a"
    hangs.mkdir(parents=True)
    cells = planned("slow-a")
    with pytest.raises(KeyboardInterrupt):
        list(slurm(cells, tmp_path / "results", "cpu", {}, Interrupted()))
    wait_for(trace, "run", 1)
    looks = 0

    def look(seconds: float, sleep: object = executor.time.sleep) -> None:
        nonlocal looks
        looks += 1
        (cluster / "down").touch() if looks == 1 else (cluster / "down").unlink(missing_ok=True)
        if looks == 4:
            ((_, _, process),) = lines(trace, "run")
            os.kill(int(process), signal.SIGUSR2)  # its time is up soon
        if looks == 6:
            hangs.rmdir()
        sleep(seconds)  # type: ignore[operator]

    monkeypatch.setattr(executor.time, "sleep", look)
    (record,) = slurm(cells, tmp_path / "results", "cpu", {}, QUIET)
    assert record.status == "done" and looks >= 6
    assert len(fake_slurm.calls(cluster, "sbatch")) == 1 and len(lines(trace, "run")) == 1


def test_jobs_that_leave_no_record_are_given_up_with_their_last_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster = fake_slurm.install(tmp_path / "cluster", monkeypatch, "COMPLETED")
    monkeypatch.setattr(executor, "MOST_JOBS", 1)
    (cell,) = planned("slow-a")
    spec = cell.spec.__class__(**(vars(cell.spec) | {"model": "gone"}))
    (record,) = slurm([Planned(spec, cell.cell)], tmp_path / "results", "cpu", {}, QUIET)
    assert record.status == "failed" and len(fake_slurm.calls(cluster, "sbatch")) == 1
    assert "left the queue without a record" in (record.error or "") and "'gone'" in (record.error or "")


def test_by_the_local_executor_of_submitit(tmp_path: Path, trace: Path) -> None:
    (record,) = slurm(planned("slow-a"), tmp_path, "cpu", {"partition": "gpu"}, QUIET, cluster="local")
    assert record.status == "done" and len(lines(trace, "run")) == 1


def test_cells_of_equal_needs_share_an_array(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = {None: 8, 1_000_000: 16, 500_000_000: 16, 1_600_000_000: 24}
    from tests.fakes import FakeModel

    for parameters, gigabytes in sizes.items():
        assert jobs.gigabytes_of(make_cell(FakeModel(parameters=parameters))) == gigabytes


def test_options_that_cannot_be_used_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_slurm.install(tmp_path / "cluster", monkeypatch)
    with pytest.raises(InputError, match="time=1:00 is not a number of minutes"):
        list(slurm(planned("slow-a"), tmp_path, "cpu", {"time": "1:00"}, QUIET))
    (tmp_path / "cluster" / "bin" / "sbatch").write_text("#!/bin/bash\necho 'invalid partition' >&2; exit 1\n")
    with pytest.raises(InputError, match=r"jobs cannot be submitted: .*invalid partition"):
        list(slurm(planned("slow-a"), tmp_path, "cpu", {"partition": "none"}, QUIET))
