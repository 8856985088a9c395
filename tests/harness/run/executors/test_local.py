"""Workers end in what one process ends in, whoever is killed; cells are those of ``tests/slow_fakes.py``."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from harness.cli import app
from harness.errors import InputError
from harness.progress import QUIET, Progress
from harness.result import ResultRecord
from harness.run.execute import Execution, execute
from harness.run.executors.local import environment_of, local
from harness.run.plan import Request, plan
from harness.run.spec import Planned, Resolver
from tests import slow_fakes

ROOT = Path(__file__).parents[4]


def planned(*models: str, tasks: tuple[str, ...] = ("traced",), **settings: str) -> list[Planned]:
    resolver = Resolver([Path(slow_fakes.__file__)])
    request = Request(models, tasks, settings=settings, floors=False)
    return [Planned(spec, resolver.cell(spec)) for spec in plan(request, resolver)]


def facts(records: list[ResultRecord]) -> list[dict[str, object]]:
    return [
        {name: value for name, value in record.document().items() if name not in ("environment", "digest")}
        for record in records
    ]


def files(results: Path) -> dict[str, bytes]:
    """Every file but the records, and the names of those."""
    found = {str(path.relative_to(results)): path for path in sorted(results.rglob("*")) if path.is_file()}
    return {name: b"" if path.suffix == ".json" else path.read_bytes() for name, path in found.items()}


def pages(results: Path) -> dict[str, bytes]:
    """The leaderboards of a folder, byte for byte."""
    done = CliRunner().invoke(app, ["leaderboard", "--results", str(results)])
    assert done.exit_code == 0, done.output
    folder = results / "leaderboards"
    found = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert {Path(name).suffix for name in found} >= {".md", ".csv"}
    return found


@pytest.fixture
def trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where the tasks of all processes write what they do, a line each."""
    path = tmp_path / "trace"
    path.touch()
    monkeypatch.setenv("TRACE", str(path))
    yield path


def lines(trace: Path, what: str) -> list[list[str]]:
    return [line.split() for line in trace.read_text().splitlines() if line.startswith(what)]


def test_as_one_process_does_and_a_worker_loads_a_model_once(
    tmp_path: Path, trace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from harness.run.executors.serial import serial

    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    cells = planned("slow-a", "slow-b", tasks=("traced", "traced-too"))
    alone = list(serial([own.cell for own in cells], tmp_path / "serial", "cpu", QUIET))
    trace.write_text("")
    together = list(local(cells, tmp_path / "local", "cpu", 2, Progress()))
    told = capsys.readouterr().err.splitlines()
    assert facts(together) == facts(alone) and files(tmp_path / "local") == files(tmp_path / "serial")
    assert pages(tmp_path / "local") == pages(tmp_path / "serial")
    loaded = lines(trace, "load")
    # a worker that has nothing else to do takes the other's model too
    assert len({(model, process) for _, model, process in loaded}) == len(loaded) and len(loaded) in (2, 3)
    assert len({process for *_, process in loaded}) == 2 and str(os.getpid()) not in {own[-1] for own in loaded}
    assert [line.split()[0] for line in told] == ["1/4", "2/4", "3/4", "4/4"]
    assert {line.split(" ", 1)[1].partition(": ")[0] for line in told} == {own.cell.name for own in cells}
    threads = {threads for _, threads in lines(trace, "threads")}
    assert threads == {environment_of(0, 2, "cpu")["OMP_NUM_THREADS"]}


def test_a_worker_that_dies_takes_one_cell_along(tmp_path: Path, trace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIES", "slow-b")
    cells = planned("slow-a", "slow-b", "slow-c")
    records = list(local(cells, tmp_path / "results", "cpu", 1, QUIET))
    assert [record.status for record in records] == ["done", "failed", "done"]
    assert "was killed (SIGKILL), as happens when memory runs out" in (records[1].error or "")
    monkeypatch.delenv("DIES")
    trace.write_text("")
    again = list(local(cells, tmp_path / "results", "cpu", 1, QUIET))
    assert [record.status for record in again] == ["done"] * 3
    assert [model for _, model, _ in lines(trace, "run")] == ["slow-b"]


def test_what_cannot_be_made_in_a_worker_fails_with_the_reason(tmp_path: Path) -> None:
    (cell,) = planned("slow-a")
    spec = cell.spec.__class__(**(vars(cell.spec) | {"model": "gone"}))
    (record,) = local([Planned(spec, cell.cell)], tmp_path, "cpu", 2, QUIET)
    assert record.status == "failed" and "no model is called 'gone'" in (record.error or "")


COMMAND = ["run", "--model", "slow-a,slow-b,slow-c,slow-d", "--task", "traced", "--no-floors", "--device", "cpu"]
WORKERS = ["--executor", "local", "--workers", "2"]


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "harness", *COMMAND, "--plugin", slow_fakes.__file__, *arguments]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    folder.mkdir(exist_ok=True)
    return subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=heed_interrupts,
    )


def heed_interrupts() -> None:
    """A shell's background jobs, such as a whole test run, ignore interrupts and pass that on."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def wait_for(trace: Path, what: str, number: int) -> list[list[str]]:
    deadline = time.monotonic() + 120
    while len(found := lines(trace, what)) < number:
        assert time.monotonic() < deadline, f"{what} did not happen"
        time.sleep(0.02)
    return found


def gone(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def ended_with(first: subprocess.Popen[str], started: list[list[str]]) -> str:
    """Wait until the command and its workers are gone; what it told."""
    _, told = first.communicate(timeout=60)
    deadline = time.monotonic() + 20
    while not all(gone(int(own[2])) for own in started):
        assert time.monotonic() < deadline, "a worker outlives its parent"
        time.sleep(0.05)
    return told


def test_an_interrupt_ends_the_workers(tmp_path: Path, trace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HANGS", "slow-a slow-b")
    first = start(tmp_path / "runs", *WORKERS)
    started = wait_for(trace, "run", 2)
    first.send_signal(signal.SIGINT)
    told = ended_with(first, started)
    assert first.returncode == 130 and "re-run the same command to resume" in told and "Traceback" not in told


def test_a_killed_command_goes_on_and_two_at_once_do_nothing_twice(
    tmp_path: Path, trace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two cells hang; the other two are finished, and are not run again."""
    monkeypatch.setenv("HANGS", "slow-c slow-d")
    first = start(tmp_path / "runs", *WORKERS)
    started = wait_for(trace, "run", 4)
    first.kill()
    ended_with(first, started)
    monkeypatch.delenv("HANGS")
    trace.write_text("")
    both = [start(tmp_path / "runs", *WORKERS) for _ in range(2)]
    ends = [own.communicate(timeout=120) for own in both]
    assert [own.returncode for own in both] == [0, 0], ends
    assert sorted(model for _, model, _ in lines(trace, "run")) == ["slow-c", "slow-d"]
    assert ends[0][0] == ends[1][0]
    alone = start(tmp_path / "alone")
    assert alone.communicate(timeout=120)[0] == ends[0][0] and alone.returncode == 0
    assert files(tmp_path / "runs" / "results") == files(tmp_path / "alone" / "results")


def test_a_folder_that_cannot_be_written_is_refused_before_a_worker_starts(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot be written to"):
        list(execute(planned("slow-a"), Execution("local"), tmp_path / "file", "cpu", QUIET))


def test_every_worker_has_a_gpu_and_a_share_of_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.run.executors.local.usable_cores", lambda: 8)
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5, 7")
    own = [environment_of(index, 3, "cuda") for index in range(3)]
    assert [variables["CUDA_VISIBLE_DEVICES"] for variables in own] == ["5", "7", "5"]
    assert {variables["OMP_NUM_THREADS"] for variables in own} == {"2"}
    assert "CUDA_VISIBLE_DEVICES" not in environment_of(0, 16, "cuda:1")  # one GPU was asked for by name
    assert environment_of(0, 16, "cpu") == {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    # MKL follows it, as it does in one process
    assert environment_of(0, 2, "cpu") == {"OMP_NUM_THREADS": "3", "MKL_NUM_THREADS": "3"}
