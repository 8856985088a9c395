"""Running cells as jobs of a Slurm cluster. What counts is which records exist; what is missing is submitted again."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from harness.progress import Progress
from harness.result import ResultRecord
from harness.run.cell import lost_cell
from harness.run.executors.jobs import Jobs, key_of, read_jobs, record_since, stamp
from harness.run.spec import Planned
from harness.run.written import save_plan

MOST_JOBS = 3
"""Jobs of one cell that may end without a record before it has failed; the command can be issued again."""
SECONDS_BETWEEN_LOOKS = 10.0


def slurm(
    planned: Sequence[Planned],
    results: Path,
    device: str,
    options: Mapping[str, str],
    progress: Progress,
    force: bool = False,
    cluster: str = "slurm",
) -> Iterator[ResultRecord]:
    """Yield one record per cell, in their order. Jobs outlive this process: the next one waits for them.

    ``device`` is resolved where a job runs. ``cluster`` is one of submitit's; its local one needs no Slurm.
    """
    jobs = Jobs(results, options, cluster)
    save_plan(results, [own.spec for own in planned])
    before = [stamp(own.cell.path(results)) for own in planned]
    records: dict[int, ResultRecord] = {}
    submitted: Counter[int] = Counter()
    absent: Counter[int] = Counter()
    yielded = 0
    try:
        while True:
            waiting = [number for number in range(len(planned)) if number not in records]
            # the queue before the records: a job leaves it after its record is written
            queued, known = jobs.queued(), read_jobs(results)
            for number in waiting:
                cell = planned[number].cell
                there = queued is None or known.get(key_of(cell, results)) in queued
                absent[number] = 0 if there else absent[number] + 1
                record = record_since(cell, results, before[number])
                if record is None and absent[number] > 1 and submitted[number] == MOST_JOBS:
                    record = lost_cell(cell, results, device, jobs.last_words(cell))
                if record is not None:
                    records[number] = record
                    progress.message(f"{len(records)}/{len(planned)} {cell.name}: {record.status}")
            while yielded in records:
                yield records[yielded]
                yielded += 1
            if yielded == len(planned):
                return
            # twice in a row: a file may reach this machine some seconds after it was written
            lost = [
                number for number in waiting if number not in records and (not submitted[number] or absent[number] > 1)
            ]
            if lost and (sent := jobs.submit_missing([planned[n] for n in lost], device, force, progress.notice)):
                progress.message(f"{sent} jobs submitted")
            for number in lost if queued is not None else ():
                submitted[number] += 1
                absent[number] = 0
            time.sleep(SECONDS_BETWEEN_LOOKS)
    finally:
        if len(records) < len(planned):
            progress.message("submitted jobs go on: `harness status` shows them, scancel ends them")
