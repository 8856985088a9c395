"""Commands as forks of this process, and what must not depend on how often one was disturbed."""

from __future__ import annotations

import importlib
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

from harness.progress import Progress
from harness.result import exit_code, read_record, read_records
from harness.run.cell import Cell
from harness.run.environment import code_stamp
from harness.run.execute import Execution, execute
from harness.run.plan import Request, plan
from harness.run.spec import Planned, Resolver

_SAE = {"features": "64", "k": "4", "steps": "12", "batch_size": "256", "seeds": "0,1", "draws": "100"}
SETTINGS: dict[str, dict[str, str]] = {
    "structure-f1": {"limit": "24", "draws": "100"},
    "sae-families": {"limit": "4", **_SAE},
    "overlap-ratio": {"limit": "6", "draws": "100"},
    "sae-structure": {"limit": "60", **_SAE},
}
_IMPORTED = (
    "torch",
    "multimolecule.models.rinalmo",
    "transformers",
    "pandas",
    "pyarrow.parquet",
    "sklearn.decomposition",
    "sklearn.linear_model",
    "sklearn.manifold",
    "sklearn.metrics",
    "scipy.optimize",
    "matplotlib.figure",
    "matplotlib.backends.backend_svg",
    "safetensors.torch",
    "harness.cli.leaderboard",
    "harness.publish.leaderboard",
    "model_adapters.encoder.network",
    "tasks.sae_families.run",
    "tasks.sae_structure.run",
    "tasks.structure_f1.run",
    "tasks.overlap_ratio.run",
)
SECONDS_TO_END = 20.0


def import_everything() -> None:
    for module in _IMPORTED:
        importlib.import_module(module)
    code_stamp()  # asks git, once for all forks


class Command(NamedTuple):
    """Cells, as (model, task), of one ``harness run``; without workers they run in its process."""

    cells: tuple[tuple[str, str], ...]
    workers: int = 0
    plugins: tuple[Path, ...] = ()
    """Their tasks run as they are; those of this project on few records."""

    def start(self, results: Path) -> int:
        """Issue it in a fork; its process id. A line of ``<results>.trace`` tells of every cell that is done."""
        return forked(lambda: self.run(results))

    def run(self, results: Path) -> int:
        """Issue it in this process; its exit code."""
        import harness.run.cell
        import harness.run.executors.local
        import harness.task
        import tasks.sae.dictionaries

        # cells of seconds keep everything, as cells of hours do
        harness.task.KEPT_AFTER_SECONDS = 0.0
        tasks.sae.dictionaries.CHECKPOINT_SECONDS = 0.0
        harness.run.executors.local.get_context = lambda name: _Forks()  # type: ignore[attr-defined, assignment]
        harness.run.cell._compute = _traced(harness.run.cell._compute, results.with_suffix(".trace"))
        resolver = Resolver(self.plugins)
        datasets = () if self.plugins else ("rfam-profiles-unseen",)
        planned = []
        for model, task in self.cells:
            asked = Request([model], [task], datasets, settings=SETTINGS.get(task, {}), floors=False)
            planned += [Planned(spec, resolver.cell(spec)) for spec in plan(asked, resolver)]
        how = Execution("local", self.workers) if self.workers else Execution()
        return exit_code(list(execute(planned, how, results, "cpu", Progress())))


def forked(run: Callable[[], int]) -> int:
    """Run a function in a fork that ends with its exit code; the id of the process."""
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        code = run()
    except Exception as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
    finally:
        os._exit(code)


def ended(pid: int) -> int:
    """Wait for a process; its exit code, negative for a signal."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def killed_within(pid: int, seconds: float, victims: Callable[[], list[int]]) -> int | None:
    """Let a command run for some seconds, and kill one of its processes; which one, or None if that had ended."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
            return None
        time.sleep(0.002)
    victim = victims()[0]
    try:
        os.kill(victim, signal.SIGKILL)
    except ProcessLookupError:
        return None
    return victim


def workers_of(pid: int) -> list[int]:
    """The processes that a command has started."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def wait_until_gone(processes: list[int]) -> float:
    """Seconds that processes whose parent has died take to end; they may not outlive it for long."""
    start = time.monotonic()
    while any(_alive(process) for process in processes):
        assert time.monotonic() - start < SECONDS_TO_END, f"{processes} outlive their parent"
        time.sleep(0.01)
    return time.monotonic() - start


class Facts(NamedTuple):
    """What must not depend on faults: records with the hashes of their files, and the names of all files."""

    records: dict[str, Any]
    files: list[str]

    @classmethod
    def of(cls, results: Path) -> Facts:
        documents = {}
        for path in sorted(path for path in results.rglob("*.json") if len(path.relative_to(results).parts) == 4):
            document = read_record(path).document()
            del document["environment"], document["digest"]
            documents[str(path.relative_to(results))] = document
        return cls(documents, sorted(str(file.relative_to(results)) for file in results.rglob("*") if file.is_file()))


class Finished(NamedTuple):
    """The cells of a folder that are done: they stay as they are, and are not done twice."""

    stamps: dict[Path, tuple[int, int]]

    @classmethod
    def of(cls, results: Path) -> Finished:
        found, problems = read_records(results) if results.is_dir() else ([], [])
        assert not problems, problems
        done = [path for path, record in found if record.status == "done"]
        return cls({path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in done})

    def check(self, results: Path) -> Finished:
        """The same later. Raises AssertionError where a cell has been lost or done again."""
        now = Finished.of(results)
        assert self.stamps.items() <= now.stamps.items(), f"{self.stamps.keys()} became {now.stamps.keys()}"
        return now


def done_once(results: Path, cells: int) -> None:
    """Raises AssertionError where a cell was done twice, in all the times that its command was issued."""
    trace = results.with_suffix(".trace")  # a kill right after the record leaves no line of it
    lines = trace.read_text().split() if trace.exists() else []
    assert len(set(lines)) == len(lines) <= cells, lines


class _Forks:
    """In place of multiprocessing's way to start fresh processes, which would import everything again."""

    def __init__(self) -> None:
        self._context = get_context("fork")
        self.Pipe = self._context.Pipe

    def Process(self, target: Callable[..., None], args: tuple[Any, ...], daemon: bool) -> Any:
        def alone(connection: Any, *rest: object) -> None:
            # a fresh process has no ends of other workers' connections, which would keep those open
            for name in os.listdir("/proc/self/fd"):
                if int(name) not in (0, 1, 2, connection.fileno()):
                    with _closed_already():
                        os.close(int(name))
            target(connection, *rest)

        return self._context.Process(target=alone, args=args, daemon=daemon)


@contextmanager
def _closed_already() -> Iterator[None]:
    try:
        yield
    except OSError:
        return


def _traced(compute: Callable[..., Any], trace: Path) -> Callable[..., Any]:
    def traced(cell: Cell, *rest: Any) -> Any:
        record = compute(cell, *rest)
        if record.status == "done":
            with trace.open("a") as opened:
                opened.write(f"{cell.identity}\n")
        return record

    return traced


def _alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
