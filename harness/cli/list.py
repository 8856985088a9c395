"""``harness list``: models, tasks and datasets, and which are available locally."""

from __future__ import annotations

import json
from enum import StrEnum
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from harness.datasets.records import DatasetCard

HEADINGS = ("diverse ncRNA", "special RNA", "unified", "DNA", "protein", "model", "ablation", "floor", "reference")
"""Of the table of models, in this order: the group of a card, or the role of a model that has none."""


class Kind(StrEnum):
    models = "models"
    tasks = "tasks"
    datasets = "datasets"


def list_names(
    kind: Annotated[Kind, typer.Argument(help="models, tasks or datasets")],
    json_output: Annotated[bool, typer.Option("--json", help="print one JSON document on stdout")] = False,
    plugin: Annotated[
        list[Path] | None, typer.Option("--plugin", help="file that defines MODELS, TASKS or DATASETS")
    ] = None,
    debug: Annotated[bool, typer.Option("--debug", help="show tracebacks")] = False,
) -> None:
    """List models, tasks or datasets. Shows which are available locally."""
    from harness.registry import Registry

    registry = Registry.discover(plugin or [])
    rows = {Kind.models: _models, Kind.tasks: _tasks, Kind.datasets: _datasets}[kind](registry)
    if json_output:
        print(json.dumps({kind.value: rows}, indent=1, ensure_ascii=False))
        return
    from harness.cli.console import wide_console

    wide_console().print(model_table(rows) if kind is Kind.models else _table(rows))


def model_table(rows: list[dict[str, Any]]) -> Table:
    """Models under the headings of their groups; aliases go below the table, where they do not widen a column."""
    from rich.table import Table

    heads = {"parameters": "para-\nmeters", "longest (nt)": "longest\n(nt)"}
    columns = ["name", "tokenisation", "resolution", "layers", "heads", "width", "parameters", "longest (nt)", "here"]
    aliases = [row["name"] for row in rows if " = " in row["name"]]
    table = Table(box=None, pad_edge=False, collapse_padding=True, header_style="bold", caption_justify="left")
    table.caption = "\n".join(["", "Aliases:", *aliases]) if aliases else None
    for column in columns:
        right = column in ("layers", "heads", "width", "parameters", "longest (nt)")
        table.add_column(heads.get(column, column), justify="right" if right else "left", no_wrap=True)
    own = sorted((row for row in rows if " = " not in row["name"]), key=_place)
    for (_, heading), members in groupby(own, key=lambda row: _place(row)[:2]):
        table.add_row()
        table.add_row(f"[bold]{_cell(heading)}[/bold]")
        for row in members:
            table.add_row(*(_cell(row[column]) for column in columns))
    return table


def _place(row: dict[str, Any]) -> tuple[int, str, str, int, str]:
    """Under which heading a model stands, and where: models of one architecture by size."""
    heading = row["group"] or row["role"]
    place = HEADINGS.index(heading) if heading in HEADINGS else len(HEADINGS)
    card = row["card"]
    return place, heading, card["architecture"], card["parameters"] or 0, row["name"]


def _table(rows: list[dict[str, Any]]) -> Table:
    from rich.table import Table

    table = Table(header_style="bold")
    for column in rows[0]:
        table.add_column(column, overflow="fold", no_wrap=column in ("name", "licence"))
    for row in rows:
        table.add_row(*map(_cell, row.values()))
    return table


def _cell(value: Any) -> str:
    from rich.markup import escape

    from harness.names import printable

    return "–" if value is None else escape(printable(str(value)))


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
                "group": card.group,
                "role": card.role,
                "tokenisation": card.tokenisation,
                "resolution": card.resolution,
                "layers": card.layers,
                "heads": card.heads,
                "width": card.width,
                "parameters": _size(card.parameters),
                "longest (nt)": card.max_length,
                "here": "yes" if adapter.available() else "no",
                "card": document,
            }
        )
    return rows


def _size(parameters: int | None) -> str | None:
    if not parameters:
        return None
    if parameters >= 1e9:
        return f"{parameters / 1e9:.1f} B"
    return f"{parameters / 1e6:.0f} M" if parameters >= 1e8 else f"{parameters / 1e6:.1f} M"


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

    cards = dataset_cards()
    listed = {card.name for card, _ in cards}
    rows = [_dataset_row(card.name, card, available) for card, available in cards]
    for name, factory in registry.datasets.items():
        if name not in listed:
            # what another package or a plugin registers may say what it is before it is read
            card, available = getattr(factory, "card", None), getattr(factory, "available", None)
            rows.append(_dataset_row(name, card, available() if available else None))
    return rows


def _dataset_row(name: str, card: DatasetCard | None, available: bool | None) -> dict[str, Any]:
    return {
        "name": name,
        "kind": None if card is None else "simulated" if card.simulated else "real",
        "summary": card.summary if card else None,
        "licence": card.licence if card else None,
        "here": None if available is None else "yes" if available else "no",
    }
