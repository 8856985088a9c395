"""What is known of a cell without running it: its record, who works on it, and whether a job is in the queue."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from harness.result import read_verified
from harness.run.cell import Cell
from harness.run.executors.jobs import key_of


class State(NamedTuple):
    """One word, and what is to be said of it."""

    word: str
    detail: str = ""


def state_of(cell: Cell, results: Path, jobs: Mapping[str, str], queued: frozenset[str] | None) -> State:
    """``jobs`` are the last jobs by cell, ``queued`` those that are in the queue; None if that cannot be asked."""
    if cell.unavailable is not None:
        return State("unavailable", cell.unavailable)
    if (record := cell.finished(results)) is not None:
        return State(record.status, record.error or "")
    if (owner := owner_of(cell.path(results).with_suffix(".lock"))) is not None:
        return State("running", owner)
    job = jobs.get(key_of(cell, results))
    if job is not None and queued is not None and job in queued:
        return State("queued", f"job {job}")
    with suppress(ValueError):
        record = read_verified(cell.path(results))
        return State(record.status, record.error or "")
    if cell.work(results).exists():
        return State("stopped", "goes on where it was")
    return State("missing")


def owner_of(lock: Path) -> str | None:
    """Who holds the lock of a cell, on this machine or any that shares the folder's locks; None if nobody does."""
    try:
        handle = os.open(lock, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return os.pread(handle, 200, 0).decode(errors="replace") or "another process"
    except OSError:
        return None  # no locks on this filesystem
    finally:
        os.close(handle)
    return None
