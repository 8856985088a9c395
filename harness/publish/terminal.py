"""What the end of a run prints, the same for every task: scores with their controls, files, what to type next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.publish.escape import terminal
from harness.publish.format import number, with_interval
from harness.publish.notes import notes_of
from harness.publish.scores import headline_rows
from harness.result import ResultRecord
from harness.task import TableRow

_MOST_COLUMNS = 3
_INTERVAL_WIDTH = len("0.000 [0.000, 0.000]")


def print_summary(record: ResultRecord, console: Console, verbose: bool = False) -> None:
    """Of a done record: the headline beside the controls of its cell, the highlights, what the model has seen.

    ``verbose`` adds every metric, every layer and every note.
    """
    title = Text.assemble("\n", terminal(record.task.name, "bold"))
    for name in (record.model.card.name, record.dataset.name):
        title.append(" · ").append(terminal(name))
    if record.dataset.simulated:
        title.append(" · ").append("simulated data", "yellow")
    console.print(title)
    if (headline := record.metrics.get(record.task.headline)) is not None:
        better = ", lower is better" if headline.higher_is_better is False else ""
        told = f"{record.task.label(record.task.headline)} {with_interval(headline)}{better}"
        console.print(terminal(told, "bold"))
    for warning in record.warnings:
        console.print(Text.assemble(("warning:", "yellow"), " ", terminal(warning)))
    if verbose:
        console.print(_metrics(record))
    layers = sorted({row.layer for row in record.table if row.layer is not None})
    for layer in layers if verbose or record.basis is None else [record.basis.layer]:
        rows = headline_rows(record, layer)
        if len(rows) > 1 or (verbose and rows):
            console.print(_controls(record, layer, rows))
    if record.highlights is not None:
        table = Table(title=terminal(record.highlights.title), title_justify="left", header_style="bold")
        for column in record.highlights.columns:
            table.add_column(terminal(column))
        for cells in record.highlights.rows:
            table.add_row(*map(terminal, cells))
        console.print(table)
    exposure, *others = notes_of(record)
    for note in [exposure, *(others if verbose else [])]:
        console.print(Text.assemble(("note:", "dim"), " ", terminal(note)))


def print_ending(paths: Sequence[Path], next_commands: Mapping[str, str], console: Console) -> None:
    """Where the records are, and what to type next, each command with what it does."""
    console.print(Text("\nFiles", style="bold"))
    for path in paths:
        console.print(Text.assemble("  ", terminal(str(path))), soft_wrap=True)
    console.print(Text("  tables and pictures: beside each, in the folder of the same name without .json", style="dim"))
    console.print(Text("Next", style="bold"))
    for command, purpose in next_commands.items():
        console.print(Text.assemble("  ", terminal(command), ("  # " + purpose, "dim")), soft_wrap=True)


def print_controls(records: Sequence[ResultRecord], console: Console) -> None:
    """Models of one task and dataset, and the controls planned beside them: the headline and further columns."""
    task = records[0].task
    valued = {name for record in records for name, metric in record.metrics.items() if metric.value is not None}
    names = [name for name in dict.fromkeys((task.headline, *task.columns)) if name in valued]
    title = Text.assemble("\n", terminal(f"{task.name} beside its controls"))
    table = Table(header_style="bold", title=title, title_justify="left", pad_edge=False)
    table.add_column("model", overflow="fold")
    table.add_column("role")
    for name in names[:_MOST_COLUMNS]:
        table.add_column(terminal(task.label(name)), justify="right", min_width=_INTERVAL_WIDTH)
    for record in records:
        card = record.model.card
        values = [record.metrics.get(name) for name in names[:_MOST_COLUMNS]]
        texts = [with_interval(value) if value is not None else "–" for value in values]
        table.add_row(terminal(card.name), card.role, *texts, style="bold" if card.role == "model" else "")
    console.print(table)


def _metrics(record: ResultRecord) -> Table:
    table = Table(header_style="bold", title="Metrics", title_justify="left")
    table.add_column("metric")
    table.add_column("value [95 % interval]", justify="right")
    table.add_column("n", justify="right")
    table.add_column("unit")
    for name, metric in record.metrics.items():
        style = "bold" if name == record.task.headline else ""
        label = terminal(record.task.label(name))
        table.add_row(label, with_interval(metric), number(metric.n), terminal(metric.unit), style=style)
    return table


def _controls(record: ResultRecord, layer: int | None, rows: list[TableRow]) -> Table:
    sources = {row.source for row in rows}
    found: dict[str, set[str]] = {}
    for entry in record.table:
        if entry.layer == layer and entry.seed is None and not entry.stratum and entry.name in record.metrics:
            found.setdefault(entry.name, set()).add(entry.source)
    shared = [name for name in record.metrics if name != record.task.headline and found.get(name, set()) >= sources]
    others = shared[: _MOST_COLUMNS - 1]
    where = "" if layer is None else f", layer {layer}"
    title = terminal(f"{record.task.label(record.task.headline)} beside its controls{where}")
    table = Table(header_style="bold", title=title, title_justify="left")
    table.add_column("source")
    table.add_column("role")
    for name in (record.task.headline, *others):
        table.add_column(terminal(record.task.label(name)), justify="right")
    by_key = {
        (row.name, row.source): row
        for row in record.table
        if row.layer == layer and row.seed is None and not row.stratum
    }
    for row in rows:
        cells = [by_key.get((name, row.source)) for name in others]
        texts = [with_interval(cell) if cell is not None else "–" for cell in (row, *cells)]
        role = record.roles.get(row.source, "model")
        table.add_row(terminal(row.source), role, *texts, style="bold" if role == "model" else "")
    return table
