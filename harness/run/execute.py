"""Run planned cells by the executor asked for: what is finished is read back, the rest is handed over."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

from harness.compute.device import resolve_device
from harness.errors import InputError
from harness.progress import Progress
from harness.result import ResultRecord
from harness.run.cell import check_writable
from harness.run.executors.local import local, visible_gpus
from harness.run.executors.serial import serial
from harness.run.fits import check_fits
from harness.run.spec import Planned

Executor = Literal["serial", "local", "slurm"]
EXECUTORS: tuple[str, ...] = get_args(Executor)
CPU_WORKERS = 2
"""Workers of the local executor where there is no GPU and no number is given."""


@dataclass(frozen=True)
class Execution:
    """Where cells run. Nothing here changes which cells there are, or what they are called."""

    executor: Executor = "serial"
    workers: int | None = None
    slurm: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.executor not in EXECUTORS:
            raise InputError(f"--executor is serial, local or slurm, not {self.executor!r}")
        if self.workers is not None and (self.executor != "local" or self.workers < 1):
            raise InputError("--workers is the number of processes of --executor local, at least 1")
        if self.slurm and self.executor != "slurm":
            raise InputError("--slurm applies to --executor slurm")


def execute(
    planned: Sequence[Planned], how: Execution, results: Path, device: str, progress: Progress, force: bool = False
) -> Iterator[ResultRecord]:
    """One record per cell, in their order, whatever the executor; failed cells run again.

    What can be refused is refused here; cells run as their records are asked for.

    Raises:
        InputError: results cannot be written, or what the executor was told cannot be used.
        Unavailable: the device is not here, or a model does not fit into its memory.
    """
    finished = {} if force else _finished(planned, results)
    waiting = [own for number, own in enumerate(planned) if number not in finished]
    records = _handed_over(waiting, how, results, device, progress, force)
    return _in_order(planned, finished, records, results, progress)


def _in_order(
    planned: Sequence[Planned],
    finished: Mapping[int, ResultRecord],
    records: Iterator[ResultRecord],
    results: Path,
    progress: Progress,
) -> Iterator[ResultRecord]:
    for number, (_, cell) in enumerate(planned):
        if number in finished:
            progress.message(f"{cell.name}: already {finished[number].status} ({cell.path(results)})")
            yield finished[number]
        else:
            yield next(records)


def _finished(planned: Sequence[Planned], results: Path) -> dict[int, ResultRecord]:
    """Records of finished cells, by place; a cell with partial state left beside its record is still to be tidied."""
    return {
        number: record
        for number, (_, cell) in enumerate(planned)
        if (record := cell.finished(results)) is not None and not cell.work(results).exists()
    }


def _handed_over(
    waiting: Sequence[Planned], how: Execution, results: Path, device: str, progress: Progress, force: bool
) -> Iterator[ResultRecord]:
    if not waiting:
        return iter(())  # finished cells need neither a folder to write nor a device; asking for that imports torch
    check_writable(results)
    cells = [own.cell for own in waiting]
    if how.executor == "slurm":
        from harness.run.executors.slurm import slurm

        return slurm(waiting, results, device, how.slurm, progress, force)
    chosen = resolve_device(device)
    if how.executor == "serial":
        check_fits(cells, chosen, 1)
        return serial(cells, results, chosen, progress, force)
    workers = how.workers or (len(visible_gpus()) if chosen == "cuda" else CPU_WORKERS)
    check_fits(cells, chosen, workers)
    return local(waiting, results, chosen, workers, progress, force)
