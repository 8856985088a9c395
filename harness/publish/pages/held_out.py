"""Families that a model was trained on beside families that it never met: datasets called NAME-seen and NAME-unseen."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from harness.publish.escape import markdown
from harness.publish.format import HasInterval
from harness.publish.pages.breakdowns import alike
from harness.publish.pages.markup import cell, signed, small, table
from harness.publish.scores import Board, Boards, Score, controls_inside, sign
from harness.result import ResultRecord
from harness.statistics.bootstrap import Estimate
from harness.statistics.differences import unpaired_difference

SEEN, UNSEEN = "-seen", "-unseen"


class _Kind(NamedTuple):
    """What the two parts must share. Limits may differ, as parts of unlike size need to have as many families."""

    base: str
    version: str
    simulated: bool
    settings: str
    chosen: bool


@dataclass(frozen=True)
class _Entry:
    """A model or a control in one part; ``estimate`` has the sign of the metric, ``hardest`` names a model's floor."""

    shown: HasInterval
    estimate: Estimate
    role: str
    alike: str
    hardest: str | None = None


def held_out(standings: Boards) -> Iterator[str]:
    """A title and a table for every two groups that differ in this alone."""
    parts: dict[_Kind, dict[str, tuple[ResultRecord, Board]]] = {}
    for group, members, standing in standings:
        record = members[0][1]
        name = record.dataset.name
        end = next((end for end in (SEEN, UNSEEN) if name.endswith(end)), None)
        if end is not None and not group.items and (standing.models or standing.controls):
            settings = json.loads(group.settings)
            settings.pop("limit")
            shared = json.dumps(settings, sort_keys=True)
            kind = _Kind(name.removesuffix(end), record.task.version, group.simulated, shared, group.chosen)
            parts.setdefault(kind, {}).setdefault(end, (record, standing))
    for kind, both in parts.items():
        if len(both) == 2:
            lines = _lines(_entries(both[SEEN][1]), _entries(both[UNSEEN][1]))
            if lines:
                yield from _section(kind, both[SEEN][0], both[UNSEEN][0], lines)


def _section(kind: _Kind, seen: ResultRecord, unseen: ResultRecord, lines: list[list[str]]) -> Iterator[str]:
    yield f"## {markdown(kind.base)}: seen families against unseen ones{' (simulated)' if kind.simulated else ''}"
    better = "lower" if sign(seen) < 0 else "higher"
    label = markdown(seen.task.label(seen.task.headline))
    yield (
        f"Seen: {markdown(seen.dataset.summary)}. Unseen: {markdown(unseen.dataset.summary)}. "
        f"The change is unseen less seen ({label}, {better} is better). The two parts hold different families and may "
        "differ in more than training: the change of a floor, which was trained on neither, shows by how much. The "
        "last column is the change of a model less that of its hardest floor on unseen families; of a model that has "
        "not met the seen families either, it says nothing about training."
    )
    if kind.chosen:
        yield "Layers other than a model's last, or the best of several."
    yield table(["model", "seen", "unseen", "change", "change less that of a floor"], lines)


def _entries(standing: Board) -> dict[str, _Entry]:
    """By name, models first; floors and references that ran in the cell of a model bear its name and theirs."""
    found = {}
    for own in (*standing.models, *standing.controls):
        if own.estimate is not None:
            hardest = own.gain.hardest if own.gain else None
            found[own.name] = _Entry(
                own.headline,
                _as_written(own, own.estimate),
                own.record.model.card.role,
                alike(own),
                f"{own.name}: {hardest}" if hardest in own.inside else hardest,
            )
    for own in standing.models:
        rows = {row.source: row for row in controls_inside(own.record)}
        for source, estimate in own.inside.items():
            if source in rows and own.record.roles[source] != "ablation":
                name = f"{own.name}: {source}"
                role = own.record.roles[source]
                found[name] = _Entry(rows[source], _as_written(own, estimate), role, name)
    return found


def _as_written(own: Score, estimate: Estimate) -> Estimate:
    return Estimate(sign(own.record) * estimate.value, sign(own.record) * estimate.draws, estimate.n, estimate.note)


def _lines(seen: dict[str, _Entry], unseen: dict[str, _Entry]) -> list[list[str]]:
    """What stands in both parts. Of controls that differ in a number alone, the best on unseen families."""
    lines, shown = [], set()
    for name, own in unseen.items():
        if name not in seen or own.alike in shown:
            continue
        shown.add(own.alike)
        change = unpaired_difference(own.estimate, seen[name].estimate).interval()
        bold = f"**{markdown(name)}**" if own.role == "model" else f"{markdown(name)}{small(own.role)}"
        floor = own.hardest if own.hardest in seen and own.hardest in unseen else None
        beyond = ""
        if floor is not None:
            gains = [part[name].estimate - part[floor].estimate for part in (unseen, seen)]
            beyond = f"{signed(unpaired_difference(*gains).interval())}{small(markdown(floor))}"
        lines.append([bold, cell(seen[name].shown, whole=True), cell(own.shown, whole=True), signed(change), beyond])
    return lines
