"""``harness sweep``: every combination of several settings, in one table and one picture."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli.asked import (
    Datasets,
    Debug,
    Device,
    Dtype,
    ExecutorName,
    Family,
    Floors,
    Force,
    Json,
    Layers,
    Limit,
    Long,
    Models,
    Plugins,
    Seeds,
    SlurmOptions,
    Tasks,
    Weights,
    Workers,
    dataset_lines,
    execution_of,
    request_of,
    settings_of,
)
from harness.cli.console import wide_console
from harness.cli.leaderboard import write_pages

if TYPE_CHECKING:
    from harness.run.cell import Cell
    from harness.run.sweep import PlannedCell

Settings = Annotated[
    list[str],
    typer.Option(
        "--set", help="task setting as key=A,B,C; repeat for several (a setting that takes a list: per value)"
    ),
]
Results = Annotated[Path, typer.Option("--results", help="folder for results; apart from those of `harness run`")]
Out = Annotated[
    Path | None, typer.Option("--out", help="folder for the page, table and pictures [default: the results folder]")
]


def sweep(
    model: Models,
    task: Tasks,
    setting: Settings,
    dataset: Datasets = None,
    family: Family = None,
    layer: Layers = None,
    long: Long = None,
    limit: Limit = None,
    seed: Seeds = None,
    weights: Weights = None,
    dtype: Dtype = "float32",
    device: Device = "auto",
    results: Results = Path("sweeps"),
    out: Out = None,
    floors: Floors = True,
    force: Force = False,
    executor: ExecutorName = "serial",
    workers: Workers = None,
    slurm: SlurmOptions = None,
    json_output: Json = False,
    plugin: Plugins = None,
    debug: Debug = False,
) -> None:
    """Run every combination of settings and show what moves. Re-run the same command to resume."""
    from rich.text import Text

    from harness.progress import Progress
    from harness.publish.sweep.page import render_sweep
    from harness.publish.sweep.picture import label_of
    from harness.publish.sweep.terminal import print_sweep
    from harness.publish.sweep.trials import SweptRecord
    from harness.result import exit_code
    from harness.run.cell import check_writable
    from harness.run.execute import execute
    from harness.run.spec import Resolver
    from harness.run.sweep import distinct, plan_sweep

    given = settings_of(setting, long)
    request = request_of(model, task, dataset, family, layer, limit, seed, {}, weights, dtype, floors)
    progress = Progress(debug=debug)
    planned = plan_sweep(request, given, Resolver(plugin or []))
    folder = results if out is None else out
    for writable in dict.fromkeys((results, folder)):
        check_writable(writable)
    how = execution_of(executor, workers, slurm)
    once = distinct(planned)
    cells = [own.cell for own in once]
    for line in dataset_lines(cells):
        progress.message(line)
    waiting = [cell for cell in cells if force or cell.finished(results) is None]
    progress.message(_counts(planned, cells, len(waiting)))
    done = {(own.model.card.name, own.cell): own for own in execute(once, how, results, device, progress, force)}
    swept = [
        SweptRecord(combination.swept, cell.path(results), done[key], not cell.control_of)
        for combination, _, cell in planned
        if (key := (cell.model.card.name, cell.identity)) in done  # controls of what cannot run have no record
    ]
    pages = render_sweep(swept, planned[0].combination.fixed, folder)
    write_pages(pages, folder)
    if json_output:
        print(json.dumps({"cells": [record.document() for record in done.values()]}, indent=1, ensure_ascii=False))
    else:
        console = wide_console()
        print_sweep(swept, console)
        for path in pages:
            console.print(Text(str(path)), soft_wrap=True)
    for own in swept:
        record, where = own.record, label_of(own.values)
        if record.error is not None:
            kind = "not applicable" if record.status == "not-applicable" else "error"
            progress.message(f"{kind}: {record.model.card.name} on {record.task.name}, {where}: {record.error}")
    raise typer.Exit(exit_code(done.values()))


def _counts(planned: list[PlannedCell], cells: list[Cell], waiting: int) -> str:
    """How much is to be done, before anything is."""
    combinations = {own.combination for own in planned}
    names = " and ".join(name for name, _ in planned[0].combination.swept)
    controls = sum(bool(cell.control_of) for cell in cells)
    told = f" ({controls} of them controls)" if controls else ""
    return (
        f"{len(combinations)} combinations of {names}, {len(cells)} cells{told}: {len(cells) - waiting} finished, "
        f"{waiting} to run"
    )
