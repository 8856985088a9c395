"""``harness run``: compute cells, skip finished ones, retry failed ones."""

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
    Results,
    Seeds,
    Settings,
    SlurmOptions,
    Tasks,
    Weights,
    Workers,
    dataset_lines,
    execution_of,
    planned_of,
    request_of,
    settings_of,
)
from harness.cli.console import wide_console

if TYPE_CHECKING:
    from harness.result import ResultRecord
    from harness.run.cell import Cell

MOST_SUMMARIES = 50
"""Of larger plans, one line for each cell is printed."""
Verbose = Annotated[bool, typer.Option("--verbose", help="print every metric, layer and note")]


def run(
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
    device: Device = "auto",
    results: Results = Path("results"),
    floors: Floors = True,
    force: Force = False,
    executor: ExecutorName = "serial",
    workers: Workers = None,
    slurm: SlurmOptions = None,
    json_output: Json = False,
    verbose: Verbose = False,
    plugin: Plugins = None,
    debug: Debug = False,
) -> None:
    """Run models on tasks. Re-run the same command to resume or to retry failures."""
    from harness.activations.store import store_limit
    from harness.progress import Progress
    from harness.publish.terminal import print_line, print_summary
    from harness.result import exit_code
    from harness.run.execute import execute
    from harness.run.spec import Resolver

    given = dict(settings_of(setting, long))
    request = request_of(model, task, dataset, family, layer, limit, seed, given, weights, dtype, floors)
    how = execution_of(executor, workers, slurm)
    progress = Progress(debug=debug)
    planned = planned_of(request, Resolver(plugin or []))
    cells = [own.cell for own in planned]
    store_limit()  # a size that is none is told before anything runs
    running = execute(planned, how, results, device, progress, force)
    for line in dataset_lines(cells):
        progress.message(line)
    records = []
    controls = {cell.identity for cell in cells if cell.control_of}
    for record in running:
        records.append(record)
        # failures are reported once, as errors, at the end; controls have a table of their own
        if not json_output and record.error is None and record.cell not in controls:
            if len(planned) > MOST_SUMMARIES and not verbose:
                print_line(record, wide_console())
            else:
                print_summary(record, wide_console(), verbose)
    if json_output:
        print(json.dumps({"cells": [record.document() for record in records]}, indent=1, ensure_ascii=False))
    else:
        done = [(cell, record) for cell, record in zip(cells, records, strict=True) if record.error is None]
        if controls:
            _print_controls([record for _, record in done])
        _print_ending([cell for cell, _ in done if cell.identity not in controls], results)
    for record in records:
        if record.error is not None:
            kind = "not applicable" if record.status == "not-applicable" else "error"
            progress.message(f"{kind}: {record.model.card.name} on {record.task.name}: {record.error}")
    raise typer.Exit(exit_code(records))


def _print_controls(records: list[ResultRecord]) -> None:
    """A table for every task and dataset, and for the lengths that models take."""
    from harness.publish.terminal import print_controls

    groups: dict[tuple[object, ...], list[ResultRecord]] = {}
    for record in records:
        lengths = (record.settings.get(name) for name in ("longest", "shortest", "length_multiple"))
        groups.setdefault((record.task.name, record.dataset.name, *lengths), []).append(record)
    for members in groups.values():
        if len(members) > 1:
            print_controls(members, wide_console())


def _print_ending(cells: list[Cell], results: Path) -> None:
    """Where the results of the models asked for are, and what to type next; nothing where none is done."""
    from shlex import quote

    from harness.publish.terminal import print_ending

    if not cells:
        return
    folder = "" if results == Path("results") else f" --results {quote(str(results))}"
    commands = {
        f"harness leaderboard{folder}": "pages with ranks, gains over floors and pictures",
        f"harness report{folder}": "one HTML file to browse",
    }
    names = list(dict.fromkeys(cell.model.card.name for cell in cells))
    if len(names) > 1:
        task = cells[0].task.card.name
        commands[f"harness compare {names[0]} {names[1]} --task {task}{folder}"] = "which is better, or cannot tell"
    commands["the same command with --verbose"] = "every metric, layer and note"
    print_ending([cell.path(results) for cell in cells], commands, wide_console())
