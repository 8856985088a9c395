"""One process works, others wait; a lock dies with its owner."""

from __future__ import annotations

import errno
import fcntl
import multiprocessing
import os
import signal
import threading
from multiprocessing.synchronize import Event
from pathlib import Path

import pytest

from harness.storage.lock import exclusive


def hold(path: Path, held: Event, go: Event) -> None:
    with exclusive(path, print):
        held.set()
        go.wait()


def owner(path: Path) -> tuple[multiprocessing.process.BaseProcess, Event]:
    context = multiprocessing.get_context("spawn")
    held, go = context.Event(), context.Event()
    process = context.Process(target=hold, args=(path, held, go))
    process.start()
    assert held.wait(60)
    return process, go


def test_the_second_waits_says_for_whom_and_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "cell.lock"
    process, go = owner(path)
    told: list[str] = []
    finished = threading.Event()

    def second() -> None:
        with exclusive(path, lambda line: (told.append(line), go.set())[0]):
            finished.set()

    thread = threading.Thread(target=second)
    thread.start()
    assert finished.wait(60)
    thread.join()
    process.join()
    assert told == [f"waiting for process {process.pid} on {os.uname().nodename}, which is working on it"]
    assert not list(tmp_path.iterdir())


def test_the_lock_of_a_killed_owner_is_free(tmp_path: Path) -> None:
    path = tmp_path / "cell.lock"
    process, _ = owner(path)
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    assert path.exists()
    told: list[str] = []
    with exclusive(path, told.append):
        assert path.exists()
    assert not told and not path.exists()


def test_a_filesystem_without_locks_is_told_and_not_fatal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    told: list[str] = []
    with exclusive(tmp_path / "cell.lock", told.append):
        pass
    assert len(told) == 1 and "has no file locks (No locks available)" in told[0]
