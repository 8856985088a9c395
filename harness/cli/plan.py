"""``harness plan``: the cells of a request, what they will cost and what is done, without running any."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli.asked import (
    Datasets,
    Dtype,
    Family,
    Floors,
    Layers,
    Limit,
    Long,
    Models,
    Plugins,
    Results,
    Seeds,
    Settings,
    Tasks,
    Weights,
    planned_of,
    request_of,
    settings_of,
)
from harness.cli.console import wide_console

if TYPE_CHECKING:
    from harness.run.estimate import Estimate
    from harness.run.spec import Planned
    from harness.run.state import State

DryRun = Annotated[bool, typer.Option("--dry-run", help="write no plan.json for harness status and harness export")]


def plan(
    model: Models,
    task: Tasks,
    dataset: Datasets = None,
    family: Family = None,
    layer: Layers = None,
    long: Long = None,
    limit: Limit = None,
    seed: Seeds = None,
    setting: Settings = None,
    weights: Weights = None,
    dtype: Dtype = "float32",
    results: Results = Path("results"),
    floors: Floors = True,
    dry_run: DryRun = False,
    plugin: Plugins = None,
) -> None:
    """List the cells of a run, what they will cost and what is done, and add them to the folder's plan.json."""
    from harness.result import read_records
    from harness.run.cell import check_writable
    from harness.run.estimate import estimates
    from harness.run.executors.jobs import read_jobs
    from harness.run.spec import Resolver
    from harness.run.state import state_of
    from harness.run.written import save_plan

    given = dict(settings_of(setting, long))
    request = request_of(model, task, dataset, family, layer, limit, seed, given, weights, dtype, floors)
    planned = planned_of(request, Resolver(plugin or []))
    records = [record for _, record in read_records(results)[0]] if results.is_dir() else []
    jobs = read_jobs(results)
    states = [state_of(own.cell, results, jobs, None) for own in planned]
    _print(planned, states, estimates([own.cell for own in planned], records))
    if not dry_run:
        check_writable(results)
        print(save_plan(results, [own.spec for own in planned]))


def _print(planned: list[Planned], states: list[State], expected: list[Estimate | None]) -> None:
    from rich.table import Table
    from rich.text import Text

    from harness.names import printable
    from harness.progress import duration
    from harness.run.cell import FINISHED
    from harness.run.fits import weights_bytes
    from harness.storage.sizes import readable

    table = Table("task", "dataset", "model", "records", "weights", "expected", "state")
    for (_, cell), state, estimate in zip(planned, states, expected, strict=True):
        size = weights_bytes(cell)
        told = "unknown" if estimate is None else f"{duration(estimate.seconds)} (from {estimate.source})"
        words = (cell.task.card.name, cell.dataset.card.name, cell.model.card.name, f"{len(cell.dataset.records):,}")
        row = (*words, readable(size) if size else "", "" if state.word in FINISHED else told, state.word)
        table.add_row(*(Text(printable(word)) for word in row))
    console = wide_console()
    console.print(table)
    waiting = [own for own, state in zip(expected, states, strict=True) if state.word not in FINISHED]
    known = [own.seconds for own in waiting if own is not None]
    unknown = len(waiting) - len(known)
    cost = f": {duration(sum(known))} one after another" if known else ""
    if unknown:
        cost += f"{', and' if known else ':'} {unknown} of unknown cost"
    console.print(f"{len(planned)} cells, {len(planned) - len(waiting)} finished, {len(waiting)} to run{cost}")
