"""What the report shows of records: the tables of every group, and the page of every cell, as plain JSON values."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import quote

from harness.names import printable
from harness.publish.groups import Records, groups_of, labels
from harness.publish.notes import notes_of
from harness.result import ResultRecord
from harness.task import Metric, TableRow

_MOST_COLUMNS = 2  # task columns beside the headline


def overview(records: Records, out: Path) -> list[dict[str, Any]]:
    """One entry per table of comparable results. ``out`` is the file that links to records start from."""
    by_task: dict[str, list[tuple[Path, ResultRecord]]] = defaultdict(list)
    for path, record in records:
        by_task[record.task.name].append((path, record))
    found = []
    for task, members in sorted(by_task.items()):
        members.sort(key=lambda item: (item[1].model.card.name, item[1].cell))
        for group, alike in sorted(groups_of(members).items()):
            entry = _group(alike, out)
            entry |= {"task": task, "chosen": group.chosen, "otherItems": bool(group.items)}
            found.append(entry)
    return found


def cell_page(record: ResultRecord) -> dict[str, Any]:
    """Everything that a record says, except what stands in the tables of the group."""
    card, dataset = record.model.card, record.dataset
    names = _places(row.name for row in record.table)
    sources = _places(row.source for row in record.table)
    strata = _places(row.stratum for row in record.table)
    return {
        "summary": card.summary,
        "facts": _facts(record),
        "settings": _settings(record),
        "metrics": [_metric(record.task.label(name), metric) for name, metric in record.metrics.items()],
        "names": list(map(record.task.label, names)),
        "sources": list(sources),
        "roles": [record.roles.get(source, "") for source in sources],
        "strata": list(strata),
        "rows": [_row(row, names, sources, strata) for row in record.table],
        "headline": names.get(record.task.headline),
        "notes": [*record.warnings, *notes_of(record)],
        "highlights": None if record.highlights is None else record.highlights.model_dump(mode="json"),
        "dataset": f"{dataset.records:,} records: {dataset.summary}; licence: {dataset.licence}",
        "skipped": dataset.skipped,
    }


def words(name: str) -> str:
    """A setting's name as a reader reads it."""
    return name.replace("_", " ")


def rounded(value: float | None, digits: int = 4) -> float | None:
    """Four significant digits: more than is shown anywhere, and half the size."""
    return None if value is None else float(f"{value:.{digits}g}")


def _group(members: Records, out: Path) -> dict[str, Any]:
    first, names = members[0][1], labels(members)
    done = [record for _, record in members if record.status == "done"]
    columns = dict.fromkeys(name for record in done for name in record.task.columns)
    columns.pop(first.task.headline, None)
    shown = [first.task.headline, *list(columns)[:_MOST_COLUMNS]]
    dataset = first.dataset
    return {
        "dataset": dataset.name,
        "simulated": dataset.simulated,
        "summary": f"{dataset.records:,} records: {dataset.summary}; licence: {dataset.licence}.",
        "settings": _settings(first),
        "columns": [_column(name, first.task.label(name), done) for name in shown],
        "rows": [_entry(path, record, names, shown, out) for path, record in members],
    }


def _column(name: str, label: str, done: list[ResultRecord]) -> dict[str, Any]:
    found = [record.metrics[name] for record in done if name in record.metrics]
    first = found[0] if found else Metric(value=None)
    return {"name": label, "unit": first.unit, "better": first.higher_is_better}


def _entry(path: Path, record: ResultRecord, names: dict[str, str], shown: list[str], out: Path) -> dict[str, Any]:
    card = record.model.card
    return {
        "cell": record.cell,
        "model": names[record.cell],
        "role": card.role,
        "group": getattr(card, "group", None),
        "parameters": card.parameters,
        "layer": None if record.basis is None or card.layers is None else record.basis.layer,
        "status": record.status,
        "error": record.error and printable(record.error),
        "values": [_interval(record.metrics.get(name)) for name in shown],
        "exposure": card.exposure_to(record.dataset.name),
        "used": record.dataset.used,
        "record": quote(Path(os.path.relpath(path, out.parent)).as_posix()),
    }


def _interval(entry: Metric | None) -> list[float | int | None] | None:
    if entry is None:
        return None
    return [*_numbers(entry), entry.n]


def _numbers(entry: Metric | TableRow) -> list[float | None]:
    return [rounded(entry.value), rounded(entry.low), rounded(entry.high)]


def _metric(name: str, metric: Metric) -> list[Any]:
    return [name, *_numbers(metric), metric.n, metric.unit, metric.higher_is_better]


def _places(texts: Iterable[str]) -> dict[str, int]:
    """Where every text stands among the sorted ones."""
    return {text: place for place, text in enumerate(sorted(set(texts)))}


def _row(row: TableRow, names: dict[str, int], sources: dict[str, int], strata: dict[str, int]) -> list[Any]:
    place = [names[row.name], sources[row.source], row.layer, row.seed, strata[row.stratum]]
    return [*place, *_numbers(row), row.n]


def _facts(record: ResultRecord) -> dict[str, str]:
    card, environment = record.model.card, record.environment
    given = {
        "architecture": card.architecture,
        "parameters": card.parameters and f"{card.parameters:,}",
        "layers": card.layers,
        "resolution": card.resolution,
        "trained on": card.corpus,
        "licence": card.licence,
        "model identity": record.model.identity and record.model.identity[:16],
        "number format": record.model.dtype,
        "task version": record.task.version,
        "dataset fingerprint": record.dataset.fingerprint,
        "items used": f"{record.dataset.used:,}",
        "device": environment.device,
        "time": f"{sum(environment.seconds.values()):,.0f} s" if environment.seconds else None,
    }
    return {name: str(value) for name, value in given.items() if value not in (None, "")}


def _settings(record: ResultRecord) -> dict[str, str]:
    every = record.settings | {"limit": record.limit, "seeds": record.seeds and list(record.seeds)}
    return {words(name): _plain(value) for name, value in every.items() if value not in (None, "", [])}


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return f"{value:,}" if isinstance(value, int) else str(value)
