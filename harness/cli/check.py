"""``harness check``: run the conformance checks on an adapter."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from harness.conformance import Verdict


def check(
    model: Annotated[str, typer.Option("--model", "-m", help="model name; NAME:random needs no weights")],
    weights: Annotated[Path | None, typer.Option("--weights", help="folder with the model's weights")] = None,
    device: Annotated[str, typer.Option("--device", help="auto, cpu, cuda or cuda:1")] = "cpu",
    json_output: Annotated[bool, typer.Option("--json", help="print one JSON document on stdout")] = False,
    plugin: Annotated[list[Path] | None, typer.Option("--plugin", help="Python file that defines MODELS")] = None,
    debug: Annotated[bool, typer.Option("--debug", help="show tracebacks")] = False,
) -> None:
    """Run the conformance checks on a model's adapter. Exits with 1 if a check fails."""
    import json

    from harness.adapter import ModelAdapter, ModelOptions
    from harness.compute.device import resolve_device
    from harness.registry import Registry

    registry = Registry.discover(plugin or [])

    def make(options: ModelOptions) -> ModelAdapter:
        return registry.model(model, options)

    card = make(ModelOptions(weights=weights)).card  # an unknown name is reported before anything is imported
    from harness.conformance import check as judge

    verdicts = judge(make, resolve_device(device), weights)
    if json_output:
        document = {"model": card.name, "laws": [verdict.model_dump(mode="json") for verdict in verdicts]}
        print(json.dumps(document, indent=1, ensure_ascii=False))
    else:
        _print(card.name, verdicts)
    raise typer.Exit(int(any(verdict.outcome == "fail" for verdict in verdicts)))


def _print(name: str, verdicts: list[Verdict]) -> None:
    from collections import Counter

    from rich.markup import escape
    from rich.table import Table

    from harness.cli.console import wide_console
    from harness.names import printable

    counts = Counter(verdict.outcome for verdict in verdicts)
    table = Table(header_style="bold", title=f"{name}: conformance checks", title_justify="left")
    table.add_column("law", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    table.add_column("figure", justify="right", no_wrap=True)
    table.add_column("remark", overflow="fold")
    styles = {"pass": "green", "fail": "bold red", "not-applicable": "dim", "not-judged": "yellow"}
    for verdict in verdicts:
        figure = "–" if verdict.figure is None else f"{verdict.figure:.3g}"
        table.add_row(
            verdict.law, f"[{styles[verdict.outcome]}]{verdict.outcome}[/]", figure, escape(printable(verdict.remark))
        )
    console = wide_console()
    console.print(table)
    unjudged = f", {counts['not-judged']} not judged" if counts["not-judged"] else ""
    console.print(f"{counts['pass']} pass, {counts['fail']} fail, {counts['not-applicable']} not applicable{unjudged}")
