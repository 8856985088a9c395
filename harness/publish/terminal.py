"""What the end of a run prints, the same for every task: scores with their controls, files, what to type next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.publish.escape import terminal
from harness.publish.format import HasInterval, number, with_interval
from harness.publish.notes import notes_of
from harness.publish.scores import headline_rows
from harness.result import ResultRecord
from harness.task import TableRow

_MOST_COLUMNS = 3
_PADDING = 3
"""Characters of a column beside its text: a space on each side and a line."""


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
    if told := _headline(record):
        console.print(terminal(told, "bold"))
    if further := [name for name in record.task.columns if name != record.task.headline and name in record.metrics]:
        grid = Table.grid(padding=(0, 2))
        for name in further:
            grid.add_row(terminal(record.task.label(name)), with_interval(record.metrics[name]))
        console.print(grid)
    for warning in record.warnings:
        console.print(Text.assemble(("warning:", "yellow"), " ", terminal(warning)))
    if verbose:
        console.print(_metrics(record))
    layers = sorted({row.layer for row in record.table if row.layer is not None})
    for layer in layers if verbose or record.basis is None else [record.basis.layer]:
        rows = headline_rows(record, layer)
        if len(rows) > 1 or (verbose and rows):
            console.print(_controls(record, layer, rows, console))
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


def print_line(record: ResultRecord, console: Console) -> None:
    """The headline of a done record, for plans of so many cells that nobody would read their tables."""
    names = f"{record.task.name} · {record.model.card.name} · {record.dataset.name}"
    console.print(terminal(f"{names}: {_headline(record)}"), soft_wrap=True)


def _headline(record: ResultRecord) -> str:
    if (headline := record.metrics.get(record.task.headline)) is None:
        return ""
    better = ", lower is better" if headline.higher_is_better is False else ""
    return f"{record.task.label(record.task.headline)} {with_interval(headline)}{better}"


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
    rows = [
        (record.model.card.name, record.model.card.role, [record.metrics.get(name) for name in names])
        for record in records
    ]
    console.print(_beside(title, "model", [task.label(name) for name in names], rows, console))


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


def _controls(record: ResultRecord, layer: int | None, rows: list[TableRow], console: Console) -> Table:
    sources = {row.source for row in rows}
    found: dict[str, set[str]] = {}
    for entry in record.table:
        if entry.layer == layer and entry.seed is None and not entry.stratum and entry.name in record.metrics:
            found.setdefault(entry.name, set()).add(entry.source)
    shared = [name for name in record.metrics if name != record.task.headline and found.get(name, set()) >= sources]
    where = "" if layer is None else f", layer {layer}"
    title = terminal(f"{record.task.label(record.task.headline)} beside its controls{where}")
    by_key = {
        (row.name, row.source): row
        for row in record.table
        if row.layer == layer and row.seed is None and not row.stratum
    }
    named = [
        (row.source, record.roles.get(row.source, "model"), [row, *(by_key.get((name, row.source)) for name in shared)])
        for row in rows
    ]
    labels = [record.task.label(name) for name in (record.task.headline, *shared)]
    return _beside(title, "source", labels, named, console)


def _beside(
    title: Text,
    first: str,
    labels: Sequence[str],
    rows: Sequence[tuple[str, str, Sequence[HasInterval | None]]],
    console: Console,
) -> Table:
    """A row for each name and role; of the metrics as many as stand side by side without folding, one at least."""
    table = Table(header_style="bold", title=title, title_justify="left")
    table.add_column(first, overflow="fold")
    table.add_column("role")
    columns = [
        [with_interval(value) if value is not None else "–" for value in column]
        for column in zip(*(values[:_MOST_COLUMNS] for _, _, values in rows), strict=True)
    ]
    room = (
        console.width
        - 1
        - sum(max(map(len, names)) + _PADDING for names in zip(*((n, r) for n, r, _ in rows), strict=True))
    )
    shown: list[list[str]] = []
    for column in columns:
        room -= max(map(len, column)) + _PADDING
        if room < 0 and shown:
            break
        shown.append(column)
    for label in labels[: len(shown)]:
        table.add_column(terminal(label), justify="right")
    for (name, role, _), *texts in zip(rows, *shown, strict=True):
        table.add_row(terminal(name), role, *texts, style="bold" if role == "model" else "")
    return table
