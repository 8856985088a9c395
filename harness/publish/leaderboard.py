"""Leaderboards: a pure function of result records, the same to the byte whatever order they were read in.

One page per task and one table per comparable group, that is, per dataset fingerprint and settings. Within a table
every number has its interval and a link to its record; a second table sets the controls of each model beside it.
What others published (``published.toml`` beside the pages) has a table of its own below them. All text of a record is
escaped where it is written, see :mod:`harness.publish.escape`.
"""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from tabulate import tabulate

from harness.publish.escape import csv_cell, markdown
from harness.publish.format import number, with_interval
from harness.publish.groups import Group, Records, groups_of, labels
from harness.publish.links import record_link
from harness.publish.notes import notes_of
from harness.publish.published import PUBLISHED, published_table, read_published
from harness.publish.scatter import headline_scatter
from harness.publish.terminal import headline_rows
from harness.result import ResultRecord

_CSV_COLUMNS = (
    *("task", "dataset", "simulated", "fingerprint", "model", "cell"),
    *("metric", "source", "role", "layer", "seed", "stratum", "value", "low", "high", "n"),
)


def render_all(records: Records, out: Path) -> dict[Path, str]:
    """The text of every page, CSV file and picture, by the path it belongs at.

    Raises:
        InputError: ``published.toml`` in ``out`` cannot be read.
    """
    published = read_published(out / PUBLISHED)
    by_task: dict[str, list[tuple[Path, ResultRecord]]] = defaultdict(list)
    for path, record in records:
        by_task[record.task.name].append((path, record))
    for members in by_task.values():
        members.sort(key=lambda item: (item[1].model.card.name, item[1].cell))
    pages: dict[Path, str] = {}
    for task, members in sorted(by_task.items()):
        page = render_page(task, members, out)
        # what the tasks' latest versions say; records of older ones may not know
        partner = next((record.task.plotted_against for _, record in members if record.task.plotted_against), None)
        if partner in by_task and (picture := headline_scatter(members, by_task[partner])):
            path = out / f"{task}-against-{partner}.svg"
            pages[path] = picture
            page += f"\n## {task} against {partner}\n\n![Headlines of both tasks, one point a model]({path.name})\n"
        page += published_table([value for value in published if value.task == task])
        pages[out / f"{task}.md"] = page
        pages[out / f"{task}.csv"] = render_csv(members)
    return pages


def render_page(task: str, records: Records, out: Path) -> str:
    """One task's page in Markdown."""
    parts = [f"# {task}", "Made by `harness leaderboard` from the records that it links to; not edited by hand."]
    for group, members in sorted(groups_of(records).items()):
        parts += _render_group(group, members, out)
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
            cells = [*start, name, "headline", "", "", "", "", metric.value, metric.low, metric.high, metric.n]
            writer.writerow(map(csv_cell, cells))
        for row in record.table:
            place = [row.source, record.roles.get(row.source, ""), row.layer, row.seed, row.stratum]
            writer.writerow(map(csv_cell, [*start, row.name, *place, row.value, row.low, row.high, row.n]))
    return buffer.getvalue()


def _render_group(group: Group, members: Records, out: Path) -> list[str]:
    first, names = members[0][1], labels(members)
    dataset = first.dataset
    kind = "simulated" if dataset.simulated else "real"
    parts = [f"## {markdown(dataset.name)} ({kind})"]
    facts = f"{dataset.records:,} records: {markdown(dataset.summary)}; licence: {markdown(dataset.licence)}."
    parts.append(f"{facts} Fingerprint {markdown(dataset.fingerprint)}. Settings: {_settings_line(first)}.")
    if group.chosen:
        parts.append(
            "Layers other than a model's last, or the best of several: not to be compared with a table of last layers. "
            "Models without layers stand in both."
        )
    if group.items:
        parts.append("Scored on other items than the table above: not to be compared with it.")
    if dataset.simulated:
        parts.append(
            "**Simulated data: models are listed by name and not ranked; no claim should rest on this table alone.**"
        )
    done = [(path, record) for path, record in members if record.status == "done"]
    if done:
        headline = first.task.headline
        if not dataset.simulated:
            done.sort(key=lambda item: (-_headline_value(item[1]), item[1].model.card.name, item[1].cell))
        parts.append(_main_table(done, headline, names, out))
        for layer in sorted({row.layer for _, record in done for row in record.table if row.layer is not None}):
            if table := _controls_table(done, layer, names):
                parts += [f"**{markdown(headline)} beside its controls, layer {layer}**", table]
        if table := _further_table(done, headline, names):
            parts += ["**Further metrics**", table]
        parts.append(_notes(done, names))
    if others := [(path, record) for path, record in members if record.status != "done"]:
        parts.append("\n".join(_without_numbers(path, record, names, out) for path, record in others))
    return parts


def _without_numbers(path: Path, record: ResultRecord, names: Mapping[str, str], out: Path) -> str:
    reason = f"{record.status}: {record.error}" if record.error else record.status
    return f"- {markdown(names[record.cell])}: {markdown(reason)} ({record_link(record, path, out)})"


def _notes(records: Records, names: Mapping[str, str]) -> str:
    """Every note once, after the models that it is true of."""
    models: dict[str, list[str]] = defaultdict(list)
    for _, record in records:
        for note in notes_of(record):
            models[note].append(names[record.cell])
    return "\n".join(
        f"- {'all' if len(true_of) == len(records) > 1 else markdown(', '.join(true_of))}: {markdown(note)}"
        for note, true_of in models.items()
    )


def _main_table(records: Records, headline: str, names: Mapping[str, str], out: Path) -> str:
    columns = dict.fromkeys([headline, *(name for _, record in records for name in record.task.columns)])
    header = ["model", "role", "resolution", "layer", *map(markdown, columns), "used", "record"]
    rows = []
    for path, record in records:
        card = record.model.card
        start = [names[record.cell], card.role, card.resolution, _layer(record)]
        metrics = [with_interval(record.metrics[name]) if name in record.metrics else "–" for name in columns]
        rows.append(
            [*map(markdown, start), *metrics, number(record.dataset.used), record_link(record, path, out)],
        )
    return _table(rows, header)


def _layer(record: ResultRecord) -> str:
    """The layer of the metrics, and among how many it was scored."""
    layers = record.layers or ()
    if record.basis is None or record.basis.layer is None or not layers:
        return "–" if layers else ""
    several = f" of {len(layers)} scored" if len(layers) > 1 else ""
    return f"{record.basis.layer}{several}"


def _further_table(records: Records, headline: str, names: Mapping[str, str]) -> str:
    """Metrics that are not columns of the main table, one a row, with what they mean."""
    units: dict[str, str] = {}
    for _, record in records:
        for name, metric in record.metrics.items():
            if name != headline and name not in record.task.columns:
                units.setdefault(name, metric.unit)
    if not units:
        return ""
    header = ["metric", *(markdown(names[record.cell]) for _, record in records), "unit"]
    rows = []
    for name, unit in units.items():
        found = [record.metrics.get(name) for _, record in records]
        rows.append([markdown(name), *("–" if own is None else with_interval(own) for own in found), markdown(unit)])
    return _table(rows, header)


def _controls_table(records: Records, layer: int, names: Mapping[str, str]) -> str:
    per_model = [(record, {row.source: row for row in headline_rows(record, layer)}) for _, record in records]
    sources = dict.fromkeys(source for _, rows in per_model for source in rows)
    if not sources:
        return ""
    roles = {source: role for record, _ in per_model for source, role in record.roles.items()}
    header = ["model", *(f"{markdown(source)} ({roles.get(source, 'model')})" for source in sources)]
    table = [
        [markdown(names[record.cell]), *(with_interval(rows[s]) if s in rows else "–" for s in sources)]
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
    """Settings in words. Layers are a column; what is not set, such as no limit, is left out."""
    every = {"limit": record.limit} | record.settings | {"seeds": record.seeds and list(record.seeds)}
    given = {key: value for key, value in every.items() if value not in (None, "", [])}
    return markdown("; ".join(f"{key.replace('_', ' ')} {_plain(value)}" for key, value in given.items())) or "none"


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return f"{value:,}" if isinstance(value, int) else str(value)


def _table(rows: Iterable[Sequence[str]], header: Sequence[str]) -> str:
    return tabulate(rows, headers=header, tablefmt="pipe", disable_numparse=True)
