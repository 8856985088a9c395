"""``harness status``: what has become of the cells that were planned for a results folder."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import typer

from harness.cli.asked import Plugins, Results
from harness.cli.console import wide_console


def status(results: Results = Path("results"), plugin: Plugins = None) -> None:
    """Show the planned cells of a results folder: done, running, queued, stopped, failed or missing."""
    from rich.table import Table
    from rich.text import Text

    from harness.names import printable
    from harness.run.executors.jobs import queued_by_slurm, read_jobs
    from harness.run.state import state_of
    from harness.run.written import planned_for

    planned = planned_for(results, plugin or [])
    jobs = read_jobs(results)
    queued = queued_by_slurm() if jobs else frozenset()
    table = Table("task", "dataset", "model", "state", "")
    words: Counter[str] = Counter()
    for _, cell in planned:
        state = state_of(cell, results, jobs, queued)
        words[state.word] += 1
        names = (cell.task.card.name, cell.dataset.card.name, cell.model.card.name)
        table.add_row(*(Text(printable(word)) for word in (*names, *state)))
    console = wide_console()
    console.print(table)
    told = ", ".join(f"{count} {word}" for word, count in words.items())
    asked = "" if queued is not None else "; squeue does not answer, so jobs in the queue are not known"
    console.print(f"{len(planned)} cells: {told}{asked}")
    raise typer.Exit(int(words["failed"] > 0))
