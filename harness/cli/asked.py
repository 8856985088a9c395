"""What ``harness run`` and ``harness sweep`` are asked for: their options, and what is said of the data."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from harness.datasets.records import Dataset
    from harness.run.cell import Cell
    from harness.run.execute import Execution
    from harness.run.plan import Request
    from harness.run.spec import Planned, Resolver

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
Long = Annotated[
    str | None,
    typer.Option(
        "--long", help="sequences over a model's limit: skip, or window (in overlapping windows) [default: skip]"
    ),
]
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
Plugins = Annotated[
    list[Path] | None, typer.Option("--plugin", help="Python file that defines MODELS, TASKS or DATASETS")
]
ExecutorName = Annotated[
    str, typer.Option("--executor", help="serial; local: several processes; slurm: jobs (docs/cluster.md)")
]
Workers = Annotated[
    int | None, typer.Option("--workers", help="processes of --executor local [default: one per GPU, or 2 on CPUs]")
]
SlurmOptions = Annotated[
    list[str] | None, typer.Option("--slurm", help="option of the jobs as key=value, such as partition=gpu; repeat")
]
Debug = Annotated[bool, typer.Option("--debug", help="show tracebacks")]


def request_of(
    models: list[str],
    tasks: list[str],
    datasets: list[str] | None,
    family: str | None,
    layers: str | None,
    limit: int | None,
    seeds: str | None,
    settings: dict[str, str],
    weights: Path | None,
    dtype: str,
    floors: bool,
) -> Request:
    """The options as typed.

    Raises:
        InputError: an empty name, or a dtype that there is not.
    """
    from harness.adapter import ModelOptions
    from harness.errors import InputError
    from harness.run.plan import Request

    if dtype not in ("float32", "bfloat16"):
        raise InputError(f"--dtype is float32 or bfloat16, not {dtype!r}")
    return Request(
        models=names_of(models, "--model"),
        tasks=names_of(tasks, "--task"),
        datasets=names_of(datasets or [], "--dataset"),
        layers=layers,
        seeds=seeds,
        family=family,
        limit=limit,
        settings=settings,
        options=ModelOptions(weights=weights, dtype=dtype),  # type: ignore[arg-type]
        floors=floors,
    )


def execution_of(executor: str, workers: int | None, slurm: list[str] | None) -> Execution:
    """Raises InputError for an executor that there is not, or an option of another one."""
    from harness.run.execute import Execution

    options = dict(key_value(text, "--slurm") for text in slurm or [])
    return Execution(executor, workers, options)  # type: ignore[arg-type]


def planned_of(request: Request, resolver: Resolver) -> list[Planned]:
    """The cells of a request, without controls of nothing but cells that are impossible."""
    from harness.run.plan import plan
    from harness.run.spec import Planned

    planned = [Planned(spec, resolver.cell(spec)) for spec in plan(request, resolver)]
    return [own for own in planned if not own.cell.needless]


def settings_of(typed: list[str] | None, long: str | None) -> list[tuple[str, str]]:
    """Settings as typed, in their order; ``--long`` is one too.

    Raises:
        InputError: a text that is not of the form key=value.
    """
    return [key_value(text) for text in typed or []] + ([("long", long)] if long is not None else [])


def names_of(values: list[str], option: str) -> list[str]:
    from harness.errors import InputError

    names = [name.strip() for value in values for name in value.split(",")]
    if "" in names:
        raise InputError(f"{option} {','.join(values)!r} contains an empty name: write NAME or NAME,NAME")
    return list(dict.fromkeys(names))


def key_value(text: str, option: str = "--set") -> tuple[str, str]:
    from harness.errors import InputError

    key, equals, value = text.partition("=")
    if not equals or not key:
        raise InputError(f"{option} {text!r} is not of the form key=value")
    return key.strip(), value.strip()


def dataset_lines(cells: list[Cell]) -> list[str]:
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
            line += f"; limited to {max(limits)}, raise --limit to use more"
        lines.append(line)
    return lines
