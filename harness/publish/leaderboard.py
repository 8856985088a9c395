"""Leaderboards: a pure function of result records, byte for byte the same in any order of reading.

One page per task and one table per comparable group, that is, per dataset fingerprint and settings; README.md opens
with the overall picture, and comparisons.md answers what goes across models and tasks. What others published
(``published.toml`` beside the pages) has a table of its own below those of its task. All text of a record is escaped
where it is written, see :mod:`harness.publish.escape`.
"""

from __future__ import annotations

import csv
import io
import re
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

from harness.publish.escape import csv_cell
from harness.publish.figures.page import comparisons, link
from harness.publish.groups import Records
from harness.publish.pages.overview import README, overview, read_readme, with_overview
from harness.publish.pages.page import render_page
from harness.publish.published import PUBLISHED, published_table, read_published
from harness.publish.scores import boards
from harness.result import ResultRecord

_CSV_COLUMNS = (
    *("task", "dataset", "simulated", "fingerprint", "model", "cell"),
    *("metric", "source", "role", "layer", "seed", "stratum", "value", "low", "high", "n"),
)
_PICTURE = re.compile(r"-[0-9a-f]{6}\.svg$")
"""How pages name the pictures of their tables."""


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
    standings = {task: boards(members) for task, members in by_task.items()}
    compared = comparisons(standings, out)
    pages = {out / README: with_overview(read_readme(out / README), overview(standings, link(compared)))}
    pages |= {out / name: text for name, text in compared.items()}
    for task, members in sorted(by_task.items()):
        page, pictures = render_page(task, standings[task], out)
        pages |= {out / name: picture for name, picture in pictures.items()}
        page += published_table([value for value in published if value.task == task])
        pages[out / f"{task}.md"] = page
        pages[out / f"{task}.csv"] = render_csv(members)
    return pages


def old_pictures(pages: Mapping[Path, str], out: Path) -> list[Path]:
    """Pictures in ``out`` of tables that are on no page any more."""
    return sorted(path for path in out.glob("*.svg") if path not in pages and _PICTURE.search(path.name))


def render_csv(records: Records) -> str:
    """Every metric and table row of the done records, one line each."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(_CSV_COLUMNS)
    for _, record in records:
        if record.status != "done":
            continue
        start = [record.task.name, record.dataset.name, record.dataset.simulated, record.dataset.fingerprint]
        start = [*map(csv_cell, [*start, record.model.card.name, record.cell])]
        for name, metric in record.metrics.items():
            blank = ["headline", "", "", "", ""]
            writer.writerow([*start, csv_cell(name), *blank, metric.value, metric.low, metric.high, metric.n])
        for row in record.table:
            names = map(csv_cell, (row.name, row.source, record.roles.get(row.source, "")))
            place = [row.layer, row.seed, csv_cell(row.stratum)]
            writer.writerow([*start, *names, *place, row.value, row.low, row.high, row.n])
    return buffer.getvalue()
