"""Running cells in several processes of this machine: one for each GPU, or as many as asked for."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from multiprocessing import connection, get_context
from pathlib import Path

from harness.compute.device import usable_cores
from harness.progress import Progress
from harness.result import ResultRecord
from harness.run.cell import Cell, lost_cell
from harness.run.executors.worker import work
from harness.run.helping import Help, Helpers, helpers
from harness.run.spec import CellSpec, Planned

SECONDS_TO_END = 5.0
"""How long a worker that is to end may take before it is killed."""


def local(
    planned: Sequence[Planned], results: Path, device: str, workers: int, progress: Progress, force: bool = False
) -> Iterator[ResultRecord]:
    """Yield one record per cell, in their order, as soon as those before are there.

    A worker that dies takes one cell along, which has failed; another goes on with the rest. Workers that find no cell
    help to embed what the others read.
    """
    helped = helpers(planned, results, device, workers, force, progress)
    pool = _Pool(planned, results, device, min(workers, max(len(planned), helped.most)), progress, force, helped)
    try:
        for number in range(len(planned)):
            while number not in pool.records:
                pool.step()
            yield pool.records[number]
    finally:
        pool.close()


def environment_of(index: int, workers: int, device: str) -> dict[str, str]:
    """Variables of a worker: its share of the cores, unless the user chose a number, and its GPU."""
    threads = os.environ.get("OMP_NUM_THREADS", str(max(1, usable_cores() // workers)))
    # MKL would take its share of the cores beside one thread that was asked for: other sums, other last digits
    variables = {"OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": os.environ.get("MKL_NUM_THREADS", threads)}
    if device == "cuda":
        gpus = visible_gpus()
        variables["CUDA_VISIBLE_DEVICES"] = gpus[index % len(gpus)]
    return variables


def visible_gpus() -> list[str]:
    """Names of the GPUs that this process may use, as CUDA_VISIBLE_DEVICES spells them."""
    if chosen := os.environ.get("CUDA_VISIBLE_DEVICES"):
        return [name.strip() for name in chosen.split(",")]
    import torch

    return [str(index) for index in range(torch.cuda.device_count())]


class _Worker:
    """The process, the number of the cell that it is at, and the model that it has in memory."""

    def __init__(self, arguments: tuple[object, ...], variables: Mapping[str, str]) -> None:
        context = get_context("spawn")  # a fork would inherit threads and a GPU in use
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=work, args=(theirs, *arguments), daemon=True)
        with _started_with(variables):
            self.process.start()
        theirs.close()
        self.number: int | None = None
        self.model: str | None = None
        self.helps = False

    def give(self, number: int, spec: CellSpec) -> None:
        self.number, self.model = number, spec.model
        with suppress(OSError):  # it has died, which is noticed when its answer is waited for
            self.connection.send(spec)

    def help(self, cells: tuple[Help, ...]) -> None:
        self.helps = True
        with suppress(OSError):
            self.connection.send(cells)

    def end(self) -> str:
        """End it if it has not ended; how it ended, in words."""
        self.connection.close()
        self.process.join(SECONDS_TO_END)
        if self.process.exitcode is None:
            self.process.kill()
            self.process.join()
        code = self.process.exitcode or 0
        if code == -signal.SIGKILL:
            return "was killed (SIGKILL), as happens when memory runs out: re-run with fewer --workers"
        return f"was killed ({signal.Signals(-code).name})" if code < 0 else f"ended with exit code {code}"


class _Pool:
    def __init__(
        self,
        planned: Sequence[Planned],
        results: Path,
        device: str,
        size: int,
        progress: Progress,
        force: bool,
        helpers: Helpers,
    ) -> None:
        self.planned, self.results, self.device, self.size, self.progress = planned, results, device, size, progress
        self.records: dict[int, ResultRecord] = {}
        self.waiting = list(range(len(planned)))
        self.arguments = (planned[0].spec.plugins, results, device, force, progress.debug) if planned else ()
        self.workers: list[_Worker | None] = [None] * size
        self.helpers = helpers
        self.told: set[str] = set()

    def step(self) -> None:
        """Give work to whoever has none, and wait for one answer."""
        for index, worker in enumerate(self.workers):
            if worker is not None and (worker.helps or worker.number is not None):
                continue
            if self.waiting:
                worker = worker or self._start(index)
                number = self._next_for(worker)
                self.waiting.remove(number)
                worker.give(number, self.planned[number].spec)
            elif (cells := self._cells_to_help()) and len(self._busy()) < self.helpers.most:
                (worker or self._start(index)).help(cells)
        busy = {worker.connection: index for index, worker in self._busy()}
        for ready in connection.wait(list(busy)):
            self._hear(busy[ready])  # type: ignore[index]

    def _start(self, index: int) -> _Worker:
        self.workers[index] = worker = _Worker(self.arguments, environment_of(index, self.size, self.device))
        return worker

    def _busy(self) -> list[tuple[int, _Worker]]:
        """Those who may say something."""
        return [
            (index, own)
            for index, own in enumerate(self.workers)
            if own is not None and (own.helps or own.number is not None)
        ]

    def _cells_to_help(self) -> tuple[Help, ...]:
        """Those that are left when no cell waits: no others will come."""
        running = sorted(own.number for _, own in self._busy() if own.number is not None)
        return tuple(self.helpers.helps[number] for number in running if number in self.helpers.helps)

    def _next_for(self, worker: _Worker) -> int:
        """The first cell of the model that it has in memory, else of a model that no other has, else the first."""
        held = {other.model for _, other in self._busy()}
        models = {number: self.planned[number].spec.model for number in self.waiting}
        own = (number for number, model in models.items() if model == worker.model)
        free = (number for number, model in models.items() if model not in held)
        return next(own, next(free, self.waiting[0]))

    def _hear(self, index: int) -> None:
        worker = self.workers[index]
        assert worker is not None
        try:
            answer = worker.connection.recv()
        except (EOFError, OSError):
            self.workers[index] = None
            answer = f"its worker {worker.end()}" if worker.number is not None else worker.end()
        if isinstance(answer, tuple):
            self._tell(answer[0])
            return
        if worker.number is None:
            self.helpers = Helpers({}, 0)  # the next might end in the same way
            self._tell(f"a worker that helped to embed {answer}; the run goes on without such help")
            return
        cell = self.planned[worker.number].cell
        record = lost_cell(cell, self.results, self.device, answer) if isinstance(answer, str) else answer
        self.records[worker.number] = record
        worker.number = None
        self.progress.message(f"{len(self.records)}/{len(self.planned)} {_outcome(cell, record)}")

    def _tell(self, line: str) -> None:
        """Helpers say the same of a store that is full."""
        if line not in self.told:
            self.told.add(line)
            self.progress.notice(line)

    def close(self) -> None:
        ending = [worker for worker in self.workers if worker is not None]
        for worker in ending:
            worker.connection.close()  # all at once
        for worker in ending:
            worker.end()


def _outcome(cell: Cell, record: ResultRecord) -> str:
    spent = sum(record.environment.seconds.values())
    return f"{cell.name}: {record.status}" + (f" in {spent:.0f} s" if spent else "")


@contextmanager
def _started_with(variables: Mapping[str, str]) -> Iterator[None]:
    """What a process starts with: these variables, before any library reads them, and no interest in Ctrl-C.

    Its parent hears that and ends it.
    """
    before = {name: os.environ.get(name) for name in variables}
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
