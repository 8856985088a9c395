"""Workers without a cell embed a part of what another reads; cells are those of ``tests/shared_fakes.py``."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest

from harness.activations import call
from harness.progress import QUIET, Progress
from harness.result import ResultRecord
from harness.run.executors.local import local
from harness.run.executors.serial import serial
from harness.run.helping import helpers
from harness.run.plan import Request, plan
from harness.run.spec import Planned, Resolver
from tests import shared_fakes
from tests.harness.run.executors.test_local import ROOT, facts, files, gone, heed_interrupts, lines

COMMAND = ["run", "--model", "embedding", "--task", "share-of-many", "--no-floors", "--device", "cpu", "--layer", "1,2"]


@pytest.fixture(autouse=True)
def trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    path = tmp_path / "trace"
    path.touch()
    for name, value in {"TRACE": str(path), "GROUP": "300", "HARNESS_STORE": "1GB"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(call, "GROUP_NUCLEOTIDES", 300)  # of this process
    yield path


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[dict[str, object]], dict[str, bytes]]:
    """What one process without a store ends in."""
    folder = tmp_path_factory.mktemp("undisturbed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SECONDS", "0")
        patch.delenv("HARNESS_STORE", raising=False)
        records = list(serial([own.cell for own in planned()], folder, "cpu", QUIET))
    return facts(records), files(folder)


def planned(*models: str) -> list[Planned]:
    resolver = Resolver([Path(shared_fakes.__file__)])
    request = Request(models or ("embedding",), ("share-of-many",), layers="1,2", floors=False)
    return [Planned(spec, resolver.cell(spec)) for spec in plan(request, resolver)]


def ended_in(records: list[ResultRecord], results: Path) -> tuple[list[dict[str, object]], dict[str, bytes]]:
    return facts(records), files(results)


def embedded(trace: Path) -> Counter[str]:
    """How often each sequence was."""
    return Counter(own[2] for own in lines(trace, "embed"))


def processes(trace: Path) -> Counter[str]:
    """How many sequences each process has embedded."""
    return Counter(own[1] for own in lines(trace, "embed"))


def kill_one(trace: Path, of_the_cell: bool) -> Thread:
    """Kill a process once three embed and some groups are stored: the cell's, which begins, or one that helps."""

    def kill() -> None:
        while len(processes(trace)) < 3 or embedded(trace).total() < shared_fakes.SEQUENCES // 2:
            time.sleep(0.005)
        first = lines(trace, "embed")[0][1]  # nobody helps before the cell has offered
        victim = first if of_the_cell else next(own for own in processes(trace) if own != first)
        os.kill(int(victim), signal.SIGKILL)

    thread = Thread(target=kill)
    thread.start()
    return thread


@pytest.mark.parametrize("workers", [1, 3])
def test_shares_change_no_byte_and_nothing_is_embedded_twice(
    workers: int, tmp_path: Path, trace: Path, undisturbed: object
) -> None:
    records = list(local(planned(), tmp_path / "results", "cpu", workers, QUIET))
    assert ended_in(records, tmp_path / "results") == undisturbed
    assert set(embedded(trace).values()) == {1} and len(embedded(trace)) == shared_fakes.SEQUENCES
    assert len(processes(trace)) == workers


def test_a_helper_that_is_killed_changes_nothing(
    tmp_path: Path, trace: Path, undisturbed: object, capsys: pytest.CaptureFixture[str]
) -> None:
    killing = kill_one(trace, of_the_cell=False)
    records = list(local(planned(), tmp_path / "results", "cpu", 3, Progress()))
    killing.join()
    assert ended_in(records, tmp_path / "results") == undisturbed
    assert max(embedded(trace).values()) <= 2  # of the group that it was at
    assert "a worker that helped to embed was killed (SIGKILL)" in capsys.readouterr().err


def test_a_cell_that_is_killed_takes_its_helpers_along_and_one_process_goes_on(
    tmp_path: Path, trace: Path, undisturbed: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    killing = kill_one(trace, of_the_cell=True)
    (record,) = local(planned(), tmp_path / "results", "cpu", 3, QUIET)
    killing.join()
    assert record.status == "failed" and "was killed (SIGKILL)" in (record.error or "")
    assert all(gone(int(own)) for own in processes(trace))
    before = embedded(trace)
    monkeypatch.setenv("SECONDS", "0")
    again = list(serial([own.cell for own in planned()], tmp_path / "results", "cpu", QUIET))
    assert ended_in(again, tmp_path / "results") == undisturbed
    assert 0 < (embedded(trace) - before).total() < shared_fakes.SEQUENCES


def start(results: Path, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "harness", *COMMAND, "--plugin", shared_fakes.__file__, *arguments]
    command += ["--results", str(results)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        command, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=heed_interrupts
    )


def test_two_commands_at_once_share_one_embedding(tmp_path: Path, trace: Path, undisturbed: object) -> None:
    """One waits for the cell of the other, and its helpers help that."""
    both = [start(tmp_path / "results", "--executor", "local", "--workers", "2") for _ in range(2)]
    ends = [own.communicate(timeout=120) for own in both]
    assert [own.returncode for own in both] == [0, 0], ends
    assert set(embedded(trace).values()) == {1} and len(embedded(trace)) == shared_fakes.SEQUENCES
    assert len(processes(trace)) > 1
    records = list(serial([own.cell for own in planned()], tmp_path / "results", "cpu", QUIET))
    assert ended_in(records, tmp_path / "results") == undisturbed


def test_a_store_without_room_is_told_once_and_the_cell_embeds_alone(
    tmp_path: Path,
    trace: Path,
    undisturbed: object,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("HARNESS_STORE", "20kB")
    records = list(local(planned(), tmp_path / "results", "cpu", 3, Progress()))
    assert ended_in(records, tmp_path / "results") == undisturbed
    told = [line for line in capsys.readouterr().err.splitlines() if "over its limit (20" in line]
    assert len(told) == 1 and "see HARNESS_STORE" in told[0]
    assert embedded(trace).total() <= shared_fakes.SEQUENCES + 2  # each tries one


def test_without_a_store_it_is_said_what_to_set(
    tmp_path: Path, trace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("HARNESS_STORE")
    monkeypatch.setenv("SECONDS", "0")
    list(local(planned(), tmp_path / "results", "cpu", 3, Progress()))
    assert "2 of 3 workers have no cell: set HARNESS_STORE=100GB" in capsys.readouterr().err
    assert len(processes(trace)) == 1


def test_who_may_help_whom(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    cells = planned("letters", "embedding")
    found = helpers(cells, tmp_path, "cpu", 4, False, QUIET)
    assert list(found.helps) == [1] and found.most == 4  # the states of what has nothing to load are not stored
    assert found.helps[1].offers == cells[1].cell.work(tmp_path) / "offers"
    assert helpers(cells, tmp_path, "cpu", 4, True, QUIET) == ({}, 0)  # --force reads no store
    monkeypatch.setattr("harness.run.helping.bytes_to_load", lambda cell, device: 10)
    monkeypatch.setattr("harness.run.helping.free_memory", lambda: 35)
    assert helpers(cells, tmp_path, "cpu", 4, False, Progress()).most == 3
    assert "3 of 4 workers start: memory has room for 3 times the weights" in capsys.readouterr().err
    assert helpers(cells, tmp_path, "cuda", 4, False, QUIET).most == 4
