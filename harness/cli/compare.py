"""``harness compare``: which of two models is better on a task, or that it cannot be told."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.cli.console import wide_console


def compare(
    first: Annotated[str, typer.Argument(metavar="A", help="model name")],
    second: Annotated[str, typer.Argument(metavar="B", help="model name")],
    task: Annotated[str, typer.Option("--task", "-t", help="task name")],
    dataset: Annotated[str | None, typer.Option("--dataset", "-d", help="only this dataset")] = None,
    results: Annotated[Path, typer.Option("--results", help="folder with result records")] = Path("results"),
    debug: Annotated[bool, typer.Option("--debug", help="show tracebacks")] = False,
) -> None:
    """Compare two models on the items that both were scored on."""
    from harness.cli.leaderboard import records_under
    from harness.publish.comparison import compare_models, print_comparison

    for comparison in compare_models(records_under(results), first, second, task, dataset):
        print_comparison(comparison, wide_console())
