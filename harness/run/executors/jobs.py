"""Jobs of a cluster, one for each cell: submitted through submitit, and looked for in the queue.

Only the queue is asked whether a job is still to come (``squeue``), never what became of it: accounting may say
PREEMPTED for ever of a job that was requeued and runs. What became of a cell, its record says.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from harness.errors import InputError, Unavailable
from harness.result import ResultRecord
from harness.run.cell import Cell
from harness.run.fits import weights_bytes
from harness.run.spec import CellSpec, Planned, resolve
from harness.storage.files import write_text
from harness.storage.lock import exclusive

FOLDER = "slurm"
"""Below the results: what submitit keeps, and which job was last submitted for which cell."""
MINUTES = 24 * 60
"""Time limit of a job unless ``--slurm time=MINUTES`` is given; a cell that reaches it goes on in the next job."""
GIGABYTES = 8
"""Memory of a job beside twice its weights, and the step in which jobs differ."""


def run_job(spec: CellSpec, results: Path, device: str, force: bool) -> str:
    """What a job does. Its last words are in its log where it leaves no record.

    The signal before a time limit is ignored: submitit would raise an error inside the cell, which would have failed.
    A job that is killed leaves what it has saved, and the next one goes on from there.
    """
    for warning in (signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(warning, signal.SIG_IGN)
    if cores := os.environ.get("SLURM_CPUS_PER_TASK"):
        os.environ.setdefault("OMP_NUM_THREADS", cores)
    from harness.compute.device import resolve_device
    from harness.progress import Progress
    from harness.run.executors.serial import serial
    from harness.run.fits import check_fits

    cell = resolve(spec)
    chosen = resolve_device(device)
    check_fits([cell], chosen, 1)
    (record,) = serial([cell], results, chosen, Progress(), force)
    if record.status == "unavailable":
        raise Unavailable(record.error)  # which leaves no record
    return record.status


def key_of(cell: Cell, results: Path) -> str:
    """The name of a cell in the list of jobs."""
    return str(cell.path(results).relative_to(results))


class Jobs:
    """The jobs of the cells of a results folder. ``cluster`` is one of submitit's."""

    def __init__(self, results: Path, options: Mapping[str, str], cluster: str) -> None:
        try:
            import submitit
        except ImportError:
            raise Unavailable("--executor slurm needs submitit: pip install 'rna-harness[slurm]'") from None
        self.results, self.options, self.cluster = results.absolute(), options, cluster
        self.folder = self.results / FOLDER
        self.folder.mkdir(parents=True, exist_ok=True)
        self._open: Callable[[], Any] = lambda: submitit.AutoExecutor(self.folder, cluster=cluster)
        self._own: dict[str, Any] = {}

    def submit_missing(
        self, planned: Sequence[Planned], device: str, force: bool, tell: Callable[[str], None]
    ) -> int | None:
        """Submit those of which no job is in the queue, whoever submitted it; how many, or None if it does not answer.

        Raises:
            InputError: the cluster refuses the options.
        """
        with exclusive(self.folder / "jobs.lock", tell):
            queued = self.queued()
            if queued is None:
                return None
            known = read_jobs(self.results)
            missing = [own for own in planned if known.get(key_of(own.cell, self.results)) not in queued]
            groups: dict[int, list[Planned]] = {}
            for own in missing:
                groups.setdefault(gigabytes_of(own.cell), []).append(own)
            for gigabytes, group in groups.items():
                for own, job in zip(group, self._submit(group, gigabytes, device, force), strict=True):
                    known[key_of(own.cell, self.results)] = job.job_id
                    self._own[job.job_id] = job
                write_text(self.folder / "jobs.json", json.dumps(known, indent=1, sort_keys=True) + "\n")
        return len(missing)

    def _submit(self, group: Sequence[Planned], gigabytes: int, device: str, force: bool) -> list[Any]:
        """A job array: equal needs, and an element for each cell."""
        specs = [own.spec for own in group]
        many = len(specs)
        try:
            executor = self._open()
            executor.update_parameters(**parameters(self.options, gigabytes))
            jobs: list[Any] = executor.map_array(run_job, specs, [self.results] * many, [device] * many, [force] * many)
        except (RuntimeError, ValueError, NameError, OSError, subprocess.CalledProcessError) as error:
            lines = str(error).split("\n")
            raise InputError(f"jobs cannot be submitted: {' '.join(lines[:3])}") from error
        return jobs

    def queued(self) -> frozenset[str] | None:
        """Ids of the jobs that wait or run; None where the queue cannot be asked."""
        if self.cluster == "slurm":
            return queued_by_slurm()
        return frozenset(job_id for job_id, job in self._own.items() if not job.done())

    def last_words(self, cell: Cell) -> str:
        """Where the log of a cell's last job is, and the last line in it."""
        job_id = read_jobs(self.results).get(key_of(cell, self.results), "none")
        log = self.folder / f"{job_id}_0_log.err"
        line = ""
        with suppress(OSError):
            line = next((line for line in reversed(log.read_text(errors="replace").splitlines()) if line.strip()), "")
        return f"job {job_id} left the queue without a record ({log}{': ' + line.strip() if line else ''})"


def parameters(options: Mapping[str, str], gigabytes: int) -> dict[str, Any]:
    """The parameters of submitit: those that it does not know are handed to ``sbatch`` as they are.

    Raises:
        InputError: a time that is not a number of minutes.
    """
    from submitit.slurm.slurm import SlurmExecutor

    time = options.get("time", str(MINUTES))
    if not time.isdecimal():
        raise InputError(f"--slurm time={time} is not a number of minutes")
    known = SlurmExecutor._valid_parameters()
    given = {name: int(value) if value.isdecimal() else value for name, value in options.items() if name != "time"}
    own: dict[str, Any] = {f"slurm_{name}": value for name, value in given.items() if name in known}
    if other := {name.replace("_", "-"): value for name, value in given.items() if name not in known}:
        own["slurm_additional_parameters"] = other
    return {"name": "harness", "timeout_min": int(time), "mem_gb": gigabytes} | own


def gigabytes_of(cell: Cell) -> int:
    """Memory of a job: twice the weights and some, in steps, so that like cells are in one array."""
    needed = GIGABYTES + 2 * weights_bytes(cell) / 1e9
    return int(-(-needed // GIGABYTES) * GIGABYTES)


def read_jobs(results: Path) -> dict[str, str]:
    """The last job of each cell, by :func:`key_of`."""
    try:
        jobs = json.loads((results / FOLDER / "jobs.json").read_text(encoding="utf-8"))
        return {str(key): str(job) for key, job in jobs.items()}
    except (OSError, ValueError, AttributeError):
        return {}


def queued_by_slurm() -> frozenset[str] | None:
    """Ids of the user's jobs that wait, run or end just now; elements of arrays as ``ARRAY_INDEX``."""
    command = ["squeue", "--me", "--noheader", "--array", "--format=%i"]
    try:
        asked = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    except (OSError, subprocess.SubprocessError):
        return None
    return frozenset(asked.stdout.split())


def record_since(cell: Cell, results: Path, before: object) -> ResultRecord | None:
    """The record of a cell, if it was written since :func:`stamp` was ``before``."""
    from harness.result import read_verified

    path = cell.path(results)
    if stamp(path) in (before, None):
        return None
    with suppress(ValueError):  # half of a cell: its files are still on their way
        return read_verified(path)
    return None


def stamp(path: Path) -> tuple[int, int] | None:
    """What changes when a file is replaced; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns
