"""``harness list``: what can be named, and what of it is on this machine."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer


class Kind(StrEnum):
    models = "models"
    tasks = "tasks"
    datasets = "datasets"


def list_names(
    kind: Annotated[Kind, typer.Argument(help="models, tasks or datasets")],
    json_output: Annotated[bool, typer.Option("--json", help="print one JSON document")] = False,
    plugin: Annotated[list[Path] | None, typer.Option("--plugin", help="Python file with more of them")] = None,
    debug: Annotated[bool, typer.Option("--debug", help="show tracebacks")] = False,
) -> None:
    """List models, tasks or datasets."""
    from harness.registry import Registry

    registry = Registry.discover(plugin or [])
    rows = {Kind.models: _models, Kind.tasks: _tasks, Kind.datasets: _datasets}[kind](registry)
    if json_output:
        print(json.dumps({kind.value: rows}, indent=1, ensure_ascii=False))
        return
    from rich.table import Table

    from harness.cli.console import wide_console

    table = Table(header_style="bold")
    columns = [column for column in rows[0] if column not in ("card",)]
    for column in columns:
        table.add_column(column, overflow="fold", no_wrap=column in ("name", "licence"))
    for row in rows:
        table.add_row(*(str(row[column]) if row[column] is not None else "–" for column in columns))
    wide_console().print(table)


def _models(registry: Any) -> list[dict[str, Any]]:
    rows = []
    for name in sorted(registry.models):
        adapter = registry.model(name)
        card = adapter.card
        document = card.model_dump(mode="json")
        document["capabilities"].sort()
        rows.append(
            {
                "name": name if name == card.name else f"{name} = {card.name}",
                "role": card.role,
                "layers": card.layers,
                "width": card.width,
                "parameters": f"{card.parameters / 1e6:.1f} M" if card.parameters else None,
                "longest (nt)": card.max_length,
                "resolution": card.resolution,
                "here": "yes" if adapter.available() else "no",
                "card": document,
            }
        )
    return rows


def _tasks(registry: Any) -> list[dict[str, Any]]:
    rows = []
    for name in sorted(registry.tasks):
        task = registry.task(name)
        settings = task.settings_type().model_dump(mode="json")
        rows.append(
            {
                "name": name,
                "summary": task.card.summary,
                "headline": task.card.headline,
                "default dataset": task.card.default_dataset,
                "settings": " ".join(f"{key}={_plain(value)}" for key, value in settings.items()),
            }
        )
    return rows


def _plain(value: Any) -> str:
    return ",".join(str(part) for part in value) if isinstance(value, list) else str(value).lower()


def _datasets(registry: Any) -> list[dict[str, Any]]:
    from harness.datasets.resolve import dataset_cards

    return [
        {
            "name": card.name,
            "kind": "simulated" if card.simulated else "real",
            "summary": card.summary,
            "licence": card.licence,
            "here": "yes" if available else "no",
        }
        for card, available in dataset_cards()
    ]
