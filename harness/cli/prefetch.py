"""``harness prefetch``: fetch and verify what a run needs, so that the run itself needs no network."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from harness.run.prefetch import Need


def prefetch(
    model: Annotated[
        list[str] | None, typer.Option("--model", "-m", help="model name; separate several by commas")
    ] = None,
    task: Annotated[list[str] | None, typer.Option("--task", "-t", help="task name: its datasets")] = None,
    dataset: Annotated[
        list[str] | None, typer.Option("--dataset", "-d", help="dataset name or hub id, in place of the task's own")
    ] = None,
    plugin: Annotated[
        list[Path] | None, typer.Option("--plugin", help="Python file that defines MODELS, TASKS or DATASETS")
    ] = None,
    debug: Annotated[bool, typer.Option("--debug", help="show tracebacks")] = False,
) -> None:
    """Fetch weights and datasets, verify them, and list their sizes and licences."""
    from harness.cli.asked import names_of
    from harness.errors import HarnessError, InputError
    from harness.progress import Progress
    from harness.registry import Registry
    from harness.run.prefetch import check_room, needs
    from harness.storage.sizes import readable

    if not (model or task or dataset):
        raise InputError("nothing to fetch: give --model, --task or --dataset (`harness list models` lists all)")
    registry = Registry.discover(plugin or [])
    found = needs(
        registry,
        names_of(model, "--model") if model else [],
        names_of(task, "--task") if task else [],
        names_of(dataset, "--dataset") if dataset else [],
    )
    _print(found)
    check_room(found)
    progress, failed = Progress(debug=debug), []
    for number, need in enumerate(found, 1):
        size = f", {readable(need.size)}" if need.size else ""
        progress.message(f"{number}/{len(found)} {need.kind} {need.name}{size}")
        try:
            print(f"{need.name}: {need.get()}; licence: {need.licence}", flush=True)
        except HarnessError as error:
            progress.trace(error)
            failed.append(error)
            print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
    if failed:
        raise typer.Exit(max(error.exit_code for error in failed))
    print("all of it is on this machine: runs need no network now (HF_HUB_OFFLINE=1 keeps them from asking)")


def _print(found: list[Need]) -> None:
    from rich.markup import escape
    from rich.table import Table

    from harness.cli.console import wide_console
    from harness.names import printable
    from harness.storage.sizes import readable

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("needed", "from", "to fetch", "licence"):
        table.add_column(column, overflow="fold", justify="right" if column == "to fetch" else "left")
    for need in found:
        cells = (f"{need.kind} {need.name}", need.state, readable(need.size) if need.size else "–", need.licence)
        table.add_row(*(escape(printable(cell)) for cell in cells))
    if sum(need.size for need in found):
        table.add_row("in all", "", readable(sum(need.size for need in found)), "")
    wide_console().print(table)
