"""Leaderboards: a pure function of result records, the same to the byte whatever order they were read in.

One page per task and one table per comparable group, that is, per dataset fingerprint and settings. Within a table
every number has its interval and a link to its record; a second table sets the controls of each model beside it.
"""

from __future__ import annotations

import csv
import io
import json
import os
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

from tabulate import tabulate

from harness.numbers import number, with_interval
from harness.result import ResultRecord
from harness.summary import headline_rows

_CSV_COLUMNS = (
    *("task", "dataset", "simulated", "fingerprint", "model", "cell"),
    *("metric", "source", "role", "layer", "seed", "stratum", "value", "low", "high", "n"),
)

Records = Sequence[tuple[Path, ResultRecord]]


def render_all(records: Records, out: Path) -> dict[Path, str]:
    """The text of every page and CSV file, by the path it belongs at."""
    by_task: dict[str, list[tuple[Path, ResultRecord]]] = defaultdict(list)
    for path, record in records:
        by_task[record.task.name].append((path, record))
    pages: dict[Path, str] = {}
    for task, members in sorted(by_task.items()):
        members.sort(key=lambda item: (item[1].model.card.name, item[1].cell))
        pages[out / f"{task}.md"] = render_page(task, members, out)
        pages[out / f"{task}.csv"] = render_csv(members)
    return pages


def render_page(task: str, records: Records, out: Path) -> str:
    """One task's page in Markdown."""
    parts = [f"# {task}", "Made by `harness leaderboard` from the records that it links to; not edited by hand."]
    groups: dict[tuple[bool, str, str], list[tuple[Path, ResultRecord]]] = defaultdict(list)
    for path, record in records:
        dataset = record.dataset
        settings = json.dumps(_shared_settings(record), sort_keys=True)
        groups[(dataset.simulated, f"{dataset.name} {dataset.fingerprint} v{record.task.version}", settings)].append(
            (path, record)
        )
    for _, members in sorted(groups.items()):
        parts += _render_group(members, out)
    return "\n\n".join(parts) + "\n"


def render_csv(records: Records) -> str:
    """Every metric and table row of the done records, one line each."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(_CSV_COLUMNS)
    for _, record in records:
        if record.status != "done":
            continue
        start = [record.task.name, record.dataset.name, record.dataset.simulated, record.dataset.fingerprint]
        start += [record.model.card.name, record.cell]
        for name, metric in record.metrics.items():
            writer.writerow([*start, name, "headline", "", "", "", "", metric.value, metric.low, metric.high, metric.n])
        for row in record.table:
            place = [row.source, record.roles.get(row.source, ""), row.layer, row.seed, row.stratum]
            writer.writerow([*start, row.name, *place, row.value, row.low, row.high, row.n])
    return buffer.getvalue()


def _shared_settings(record: ResultRecord) -> dict[str, object]:
    """Settings that must agree within a table; layers are compared apart because models differ in depth."""
    settings = {key: value for key, value in record.settings.items() if key != "layers"}
    depth = record.model.card.layers
    layers = record.settings.get("layers")
    if layers is not None:
        settings["layers"] = "last" if depth is None or layers == [depth] else "chosen"
    return settings


def _render_group(members: Records, out: Path) -> list[str]:
    first = members[0][1]
    dataset = first.dataset
    kind = "simulated" if dataset.simulated else "real"
    parts = [f"## {dataset.name} ({kind})"]
    facts = f"{dataset.summary}. {dataset.records:,} records, fingerprint `{dataset.fingerprint}`, {dataset.licence}."
    parts.append(f"{facts} Settings: {_settings_line(first)}.")
    if dataset.simulated:
        parts.append(
            "**Simulated data: models are listed by name and not ranked; no claim should rest on this table alone.**"
        )
    done = [(path, record) for path, record in members if record.status == "done"]
    if done:
        headline = first.task.headline
        if not dataset.simulated:
            done.sort(key=lambda item: (-_headline_value(item[1]), item[1].model.card.name, item[1].cell))
        parts.append(_main_table(done, headline, out))
        for layer in sorted({row.layer for _, record in done for row in record.table if row.layer is not None}):
            if table := _controls_table(done, layer):
                parts += [f"**{headline} beside its controls, layer {layer}**", table]
        if table := _further_table(done, headline):
            parts += ["**Further metrics**", table]
        if any(record.notes for _, record in done):
            notes = dict.fromkeys(f"- {record.model.card.name}: {note}" for _, record in done for note in record.notes)
            parts.append("\n".join(notes))
    if others := [(path, record) for path, record in members if record.status != "done"]:
        parts.append("\n".join(f"- {record.model.card.name}: {record.status}: {record.error}" for _, record in others))
    return parts


def _main_table(records: Records, headline: str, out: Path) -> str:
    names = dict.fromkeys([headline, *(name for _, record in records for name in record.task.columns)])
    header = ["model", "role", "resolution", "layer", *names, "used", "record"]
    rows = []
    for path, record in records:
        card = record.model.card
        layers = ", ".join(str(layer) for layer in record.settings.get("layers", []))
        metrics = [with_interval(record.metrics[name]) if name in record.metrics else "–" for name in names]
        link = f"[{record.cell[:8]}]({os.path.relpath(path, out)})"
        rows.append([card.name, card.role, card.resolution, layers, *metrics, number(record.dataset.used), link])
    return _table(rows, header)


def _further_table(records: Records, headline: str) -> str:
    """Metrics that are not columns of the main table, one a row, with what they mean."""
    units: dict[str, str] = {}
    for _, record in records:
        for name, metric in record.metrics.items():
            if name != headline and name not in record.task.columns:
                units.setdefault(name, metric.unit)
    if not units:
        return ""
    header = ["metric", *(record.model.card.name for _, record in records), "unit"]
    rows = [
        [
            name,
            *(with_interval(record.metrics[name]) if name in record.metrics else "–" for _, record in records),
            unit,
        ]
        for name, unit in units.items()
    ]
    return _table(rows, header)


def _controls_table(records: Records, layer: int) -> str:
    per_model = [(record, {row.source: row for row in headline_rows(record, layer)}) for _, record in records]
    sources = dict.fromkeys(source for _, rows in per_model for source in rows)
    if not sources:
        return ""
    roles = {source: role for record, _ in per_model for source, role in record.roles.items()}
    header = ["model", *(f"{source} ({roles.get(source, 'model')})" for source in sources)]
    table = [
        [record.model.card.name, *(with_interval(rows[s]) if s in rows else "–" for s in sources)]
        for record, rows in per_model
        if rows
    ]
    return _table(table, header)


def _headline_value(record: ResultRecord) -> float:
    metric = record.metrics.get(record.task.headline)
    if metric is None or metric.value is None:
        return float("-inf")
    return metric.value if metric.higher_is_better is not False else -metric.value


def _settings_line(record: ResultRecord) -> str:
    return ", ".join(f"{key} {_plain(value)}" for key, value in record.settings.items() if key != "layers") or "none"


def _plain(value: object) -> str:
    return " ".join(str(part) for part in value) if isinstance(value, list) else str(value)


def _table(rows: Iterable[Sequence[str]], header: Sequence[str]) -> str:
    return tabulate(rows, headers=header, tablefmt="pipe", disable_numparse=True)
