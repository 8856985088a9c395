"""``harness run``: compute cells, skip finished ones, retry failed ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli.console import wide_console

if TYPE_CHECKING:
    from harness.datasets.records import Dataset
    from harness.result import ResultRecord
    from harness.run.cell import Cell

Models = Annotated[
    list[str],
    typer.Option("--model", "-m", help="model name (NAME:random for random weights); separate several by commas"),
]
Tasks = Annotated[list[str], typer.Option("--task", "-t", help="task name; separate several by commas")]
Datasets = Annotated[
    list[str] | None, typer.Option("--dataset", "-d", help="dataset name or path [default: the task's own]")
]
Family = Annotated[
    str | None,
    typer.Option("--family", help="for --dataset FILE: regular expression; its group is the family in a header or id"),
]
Layers = Annotated[str | None, typer.Option("--layer", help="layers, such as 0,6-12 or all")]
Limit = Annotated[int | None, typer.Option("--limit", help="use at most N records (family tasks: N families)")]
Seeds = Annotated[str | None, typer.Option("--seed", help="seeds, such as 0,1,2")]
Settings = Annotated[list[str] | None, typer.Option("--set", help="task setting as key=value; repeat for several")]
Weights = Annotated[Path | None, typer.Option("--weights", help="folder with the model's weights")]
Dtype = Annotated[str, typer.Option("--dtype", help="float32 or bfloat16")]
Device = Annotated[str, typer.Option("--device", help="auto, cpu, cuda or cuda:1")]
Results = Annotated[Path, typer.Option("--results", help="folder for results")]
Floors = Annotated[bool, typer.Option("--floors/--no-floors", help="also run the task's controls")]
Force = Annotated[bool, typer.Option("--force", help="recompute finished cells")]
Json = Annotated[bool, typer.Option("--json", help="print one JSON document on stdout")]
Verbose = Annotated[bool, typer.Option("--verbose", help="print every metric, layer and note")]
Plugins = Annotated[
    list[Path] | None, typer.Option("--plugin", help="Python file that defines MODELS, TASKS or DATASETS")
]
Debug = Annotated[bool, typer.Option("--debug", help="show tracebacks")]


def run(
    model: Models,
    task: Tasks,
    dataset: Datasets = None,
    family: Family = None,
    layer: Layers = None,
    limit: Limit = None,
    seed: Seeds = None,
    setting: Settings = None,
    weights: Weights = None,
    dtype: Dtype = "float32",
    device: Device = "auto",
    results: Results = Path("results"),
    floors: Floors = True,
    force: Force = False,
    json_output: Json = False,
    verbose: Verbose = False,
    plugin: Plugins = None,
    debug: Debug = False,
) -> None:
    """Run models on tasks. Re-run the same command to resume or to retry failures."""
    from harness.adapter import ModelOptions
    from harness.compute.device import resolve_device
    from harness.errors import InputError
    from harness.progress import Progress
    from harness.publish.terminal import print_summary
    from harness.result import exit_code
    from harness.run.cell import check_writable
    from harness.run.executors.serial import serial
    from harness.run.plan import Request, plan
    from harness.run.spec import Resolver

    if dtype not in ("float32", "bfloat16"):
        raise InputError(f"--dtype is float32 or bfloat16, not {dtype!r}")
    request = Request(
        models=_names(model, "--model"),
        tasks=_names(task, "--task"),
        datasets=_names(dataset or [], "--dataset"),
        layers=layer,
        seeds=seed,
        family=family,
        limit=limit,
        settings=dict(_key_value(text) for text in setting or []),
        options=ModelOptions(weights=weights, dtype=dtype),  # type: ignore[arg-type]
        floors=floors,
    )
    progress = Progress(debug=debug)
    resolver = Resolver(plugin or [])
    cells = [resolver.cell(spec) for spec in plan(request, resolver)]
    check_writable(results)
    for line in _dataset_lines(cells):
        progress.message(line)
    records = []
    # finished cells need no device, and asking for one imports torch
    chosen = resolve_device(device) if any(force or cell.finished(results) is None for cell in cells) else "cpu"
    controls = {cell.identity for cell in cells if cell.control_of}
    for record in serial(cells, results, chosen, progress, force):
        records.append(record)
        # failures are reported once, as errors, at the end; controls have a table of their own
        if not json_output and record.error is None and record.cell not in controls:
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


def _names(values: list[str], option: str) -> list[str]:
    from harness.errors import InputError

    names = [name.strip() for value in values for name in value.split(",")]
    if "" in names:
        raise InputError(f"{option} {','.join(values)!r} contains an empty name: write NAME or NAME,NAME")
    return list(dict.fromkeys(names))


def _key_value(text: str) -> tuple[str, str]:
    from harness.errors import InputError

    key, equals, value = text.partition("=")
    if not equals or not key:
        raise InputError(f"--set {text!r} is not of the form key=value")
    return key.strip(), value.strip()


def _dataset_lines(cells: list[Cell]) -> list[str]:
    """Which data a run uses, real or simulated, and what to type for the full or real one."""
    datasets: dict[str, Dataset] = {cell.dataset.card.name: cell.dataset for cell in cells}
    lines = []
    for name, dataset in datasets.items():
        kind = "SIMULATED" if dataset.card.simulated else "real"
        line = f"dataset {name}: {len(dataset.records):,} records, {kind} ({dataset.card.summary})"
        if dataset.replaced_letters:
            line += f"; {dataset.replaced_letters:,} letters other than A C G T U N were replaced by N"
        named = {cell.task.card.real_dataset for cell in cells if cell.dataset is dataset}
        if dataset.card.simulated and (real := sorted(name for name in named if name)):
            line += f"; for real sequences: HARNESS_DATA=FOLDER harness run … --dataset {' or '.join(real)}"
        if limits := {cell.settings.limit for cell in cells if cell.dataset is dataset and cell.settings.limit}:
            line += f"; limited to {max(limits)}, omit --limit to use all"
        lines.append(line)
    return lines


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
