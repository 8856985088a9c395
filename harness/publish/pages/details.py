"""What unfolds below a table: controls, further metrics, layers, strata, notes, settings and commands, records."""

from __future__ import annotations

import shlex
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import fmean

from harness.publish.escape import markdown, one_line
from harness.publish.format import number, with_interval
from harness.publish.groups import Records, labels
from harness.publish.links import record_link
from harness.publish.notes import notes_of
from harness.publish.pages.breakdowns import breakdowns
from harness.publish.pages.controls import of_model
from harness.publish.pages.markup import details, signed, table
from harness.publish.scores import Board, Score
from harness.result import ResultRecord
from harness.task import EACH_LAYER, TableRow
from harness.twins import twin_of

_MOST_NAMES = 3


def folded(members: Records, standing: Board, out: Path) -> Iterator[str]:
    """The blocks below one table, in their order; those without content are left out."""
    every = [*standing.models, *standing.controls]
    for own in standing.models:
        rows = _controls(own, standing)
        if rows:
            title = f"Controls of {markdown(own.name)}"
            yield details(title, table(["control", "role", _headline(own.record), "gain over it"], rows))
    yield details("Every metric, and what it is", _metrics(every))
    yield details("By layer", _layers(standing.models))
    yield details("Subsets of the items", _strata(standing.models))
    for title, found in breakdowns(every):
        yield details(title, found)
    yield details("Notes", _notes(every))
    yield details("Settings and commands", _settings(members), _commands(standing))
    yield details("All records", _records(every, out))


def without_numbers(records: Records, out: Path) -> str:
    """One line for every result that has no number, with the reason."""
    names, lines = labels(records), []
    for path, record in records:
        reason = f"{record.status}: {record.error}" if record.error else record.status
        lines.append(f"- {markdown(names[record.cell])}: {markdown(reason)} ({record_link(record, path, out)})")
    return "\n".join(lines)


def _headline(record: ResultRecord) -> str:
    return markdown(record.task.label(record.task.headline))


def _controls(own: Score, standing: Board) -> list[list[str]]:
    over = own.gain.over if own.gain else {}
    return [
        [markdown(name), role, with_interval(entry), signed(over[name]).replace("<br>", " ") if name in over else ""]
        for name, role, entry in of_model(own, standing)
    ]


def _metrics(scores: Sequence[Score]) -> str:
    """Every metric: what it is, and its value for every model, twins as their mean."""
    units: dict[str, str] = {}
    for own in scores:
        for name, metric in own.record.metrics.items():
            units.setdefault(name, metric.unit)
    rows = []
    for name, unit in units.items():
        task = next(own.record.task for own in scores if name in own.record.metrics)
        start = [markdown(task.label(name)), markdown(unit)]
        for models, value in _values(scores, name):
            rows.append([*start, models, value])
            start = ["", ""]
    return table(["metric", "what it is", "model", "value with 95 % interval"], rows) if rows else ""


def _values(scores: Sequence[Score], name: str) -> list[tuple[str, str]]:
    """Values of one metric by model; one line where all have the same, as the ceilings of a dataset."""
    found: dict[str, list[tuple[float | None, str]]] = {}
    for own in scores:
        if (metric := own.record.metrics.get(name)) is not None:
            base = twin_of(own.record.model.card.name)
            label = f"{base} with random weights" if base else own.name
            found.setdefault(markdown(label), []).append((metric.value, with_interval(metric)))
    lines = []
    for label, values in found.items():
        known = [value for value, _ in values if value is not None]
        if len(set(values)) == 1 or not known:
            lines.append((label, values[0][1]))
        else:
            spread = f"{number(min(known))} to {number(max(known))}"
            lines.append((label, f"mean {number(fmean(known))}, range {spread} of {len(known)}"))
    if len(lines) > 1 and len({value for _, value in lines}) == 1:
        return [("all", lines[0][1])]
    return lines


def _layers(models: Sequence[Score]) -> str:
    """The headline of models that were scored at several layers."""
    rows = [
        [markdown(own.name), number(row.layer), markdown(row.source), with_interval(row)]
        for own in models
        if len({row.layer for row in _headline_rows(own.record) if row.layer is not None}) > 1
        for row in _headline_rows(own.record)
        if row.layer is not None and row.stratum in ("", EACH_LAYER)
    ]
    return table(["model", "layer", "source", _headline(models[0].record)], rows) if rows else ""


def _strata(models: Sequence[Score]) -> str:
    """The headline on parts of the items, at the layer of the headline."""
    rows = []
    for own in models:
        layer = own.record.basis.layer if own.record.basis else None
        for row in _headline_rows(own.record):
            role = own.record.roles.get(row.source, "model")
            if row.stratum not in ("", EACH_LAYER) and row.layer in (None, layer) and role == "model":
                rows.append([markdown(row.stratum), markdown(own.name), with_interval(row), number(row.n)])
    rows.sort(key=lambda cells: cells[0])
    return table(["items", "model", _headline(models[0].record), "n"], rows) if rows else ""


def _headline_rows(record: ResultRecord) -> list[TableRow]:
    """Rows of the headline, whatever the task calls it in its table: of the metric that holds the same value there."""
    own = record.metrics.get(record.task.headline)
    if own is None:
        return []
    keys = {record.task.headline} | {
        row.name for row in record.table if row.value is not None and (row.value, row.n) == (own.value, own.n)
    }
    sources = {row.source for row in record.table if row.value is not None and row.value == own.value}
    return [row for row in record.table if row.name in keys and row.source in sources and row.seed is None]


def _notes(scores: Sequence[Score]) -> str:
    """Every note once, after the models that it is true of."""
    models: dict[str, list[str]] = defaultdict(list)
    for own in scores:
        for note in notes_of(own.record):
            models[note].append(own.name)
    return "\n".join(f"- {_who(names, len(scores))}: {markdown(note)}" for note, names in models.items())


def _who(names: Sequence[str], everyone: int) -> str:
    if len(names) == everyone > 1:
        return "all"
    bases = list(dict.fromkeys(f"{base} with random weights" if (base := twin_of(name)) else name for name in names))
    shown = [markdown(name) for name in bases[:_MOST_NAMES]]
    more = f" and {len(bases) - _MOST_NAMES} more" if len(bases) > _MOST_NAMES else ""
    return ", ".join(shown) + more


def _settings(members: Records) -> str:
    """Settings in words. What is not set, such as no limit, is left out."""
    record = members[0][1]
    every = {"limit": record.limit} | record.settings | {"seeds": record.seeds and list(record.seeds)}
    given = {key: value for key, value in every.items() if value not in (None, "", [])}
    words = "; ".join(f"{key.replace('_', ' ')} {_plain(value)}" for key, value in given.items())
    data = f"Dataset {record.dataset.name}, fingerprint {record.dataset.fingerprint}; source: {record.dataset.source}"
    return f"Settings: {markdown(words) or 'none'}.\n\n{markdown(data)}. Task version {markdown(record.task.version)}."


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return f"{value:,}" if isinstance(value, int) else str(value)


def _commands(standing: Board) -> str:
    """What to type to compute the models again; floors come with them."""
    lines = list(dict.fromkeys(command(own.record) for own in standing.models or standing.controls))
    return "\n".join(["```", *lines, "```"])


def command(record: ResultRecord) -> str:
    """The command that computes a record again, every setting spelled out."""
    parts = ["harness", "run", "--model", record.model.card.name, "--task", record.task.name]
    parts += ["--dataset", record.dataset.name]
    if record.limit:
        parts += ["--limit", str(record.limit)]
    if record.layers and record.model.card.layers is not None:
        parts += ["--layer", ",".join(map(str, record.layers))]
    if record.seeds:
        parts += ["--seed", ",".join(map(str, record.seeds))]
    for key, value in record.settings.items():
        if value not in (None, "", []):
            text = ",".join(map(str, value)) if isinstance(value, list) else str(value)
            parts += ["--set", f"{key}={text}"]
    return one_line(shlex.join(parts))


def _records(scores: Sequence[Score], out: Path) -> str:
    rows = []
    for own in scores:
        card, record = own.record.model.card, own.record
        layer = record.basis.layer if record.basis else None
        start = [markdown(own.name), card.role, markdown(card.resolution), "" if layer is None else str(layer)]
        rows.append([*start, number(record.dataset.used), record_link(record, own.path, out)])
    return table(["model", "role", "resolution", "layer", "items used", "record"], rows)
