"""``harness doctor``: what this machine can run, in one screen."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def doctor(
    json_output: Annotated[bool, typer.Option("--json", help="print one JSON document on stdout")] = False,
    plugin: Annotated[
        list[Path] | None, typer.Option("--plugin", help="Python file that defines MODELS, TASKS or DATASETS")
    ] = None,
    debug: Annotated[bool, typer.Option("--debug", help="show tracebacks")] = False,
) -> None:
    """Show what this machine can run, and what to type for what is missing."""
    import json

    from rich.markup import escape
    from rich.table import Table

    from harness.cli.console import wide_console
    from harness.names import printable
    from harness.registry import Registry
    from harness.run.machine import describe_machine

    lines = describe_machine(Registry.discover(plugin or []))
    if json_output:
        print(json.dumps({"machine": [line._asdict() for line in lines]}, indent=1, ensure_ascii=False))
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("", no_wrap=True)
    table.add_column("found", overflow="fold")
    table.add_column("to type", overflow="fold")
    for line in lines:
        table.add_row(*(escape(printable(cell)) for cell in line))
    wide_console().print(table)
