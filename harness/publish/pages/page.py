"""One task's page: what is asked, how to read it, and for every dataset a picture, a table, and all else folded."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from harness.publish.escape import markdown
from harness.publish.groups import Group, Records, section_title
from harness.publish.links import record_link
from harness.publish.pages.controls import Summary, summaries
from harness.publish.pages.details import folded, without_numbers
from harness.publish.pages.forest import Forest, forest
from harness.publish.pages.markup import cell, signed, size_of, small, table
from harness.publish.scores import UNKNOWN, Board, Boards, Score

TASK_COLUMNS = 2


class Page(NamedTuple):
    """The text of a page, and its pictures by file name."""

    text: str
    pictures: dict[str, str]


def render_page(task: str, standings: Boards, out: Path) -> Page:
    """The page in Markdown, and a picture for every group of comparable results."""
    records = [member for _, members, _ in standings for member in members]
    parts, pictures = [f"# {markdown(task)}", *_introduction(records)], {}
    for group, members, standing in standings:
        # named after what the group shares: a new group leaves no old picture behind
        name = f"{task}-{hashlib.sha256(repr(group).encode()).hexdigest()[:6]}.svg"
        if picture := _picture(group, standing):
            pictures[name] = picture
        parts += _section(group, members, standing, out, name if picture else None)
    parts.append("Made by `harness leaderboard` from the records that it links to; not edited by hand.")
    return Page("\n\n".join(parts) + "\n", pictures)


def _introduction(records: Records) -> Iterator[str]:
    """What the newest record that says so tells of the task."""
    told = max((record.task for _, record in records), key=lambda task: (bool(task.question), task.version))
    if told.question:
        yield markdown(told.question)
    if told.how_to_read:
        yield "**How to read it**\n\n" + "\n".join(f"- {markdown(line)}" for line in told.how_to_read)


def _section(group: Group, members: Records, standing: Board, out: Path, picture: str | None) -> Iterator[str]:
    first = members[0][1]
    dataset = first.dataset
    yield f"## {markdown(section_title(first))}{' (simulated)' if dataset.simulated else ''}"
    yield f"{dataset.records:,} records: {markdown(dataset.summary)}. Licence: {markdown(dataset.licence)}."
    if group.chosen:
        yield (
            "Layers other than a model's last, or the best of several: not to be compared with a table of last layers. "
            "Models without layers stand in both."
        )
    if group.items:
        yield "Scored on other items than the table above: not to be compared with it."
    if dataset.simulated:
        yield "**Simulated data: models are listed by name and not ranked; no claim should rest on this table alone.**"
    if standing.models or standing.controls:
        if verdict := " ".join(_verdict(standing)):
            yield verdict
        if picture:
            yield f"![Headline of every model with its interval]({picture})"
        yield _main_table(standing, out)
        yield from folded(members, standing, out)
    if others := [(path, record) for path, record in members if record.status != "done"]:
        yield without_numbers(others, out)


def _verdict(standing: Board) -> Iterator[str]:
    """Who is ahead, how sure that is, and where a floor wins, in sentences."""
    if standing.ranks is not None and len(standing.ranked) > 1:
        leaders = [markdown(standing.ranked[place].name) for place in standing.ranks.groups[0]]
        if len(leaders) == 1:
            yield f"**{leaders[0]} is ahead** of every other model."
        else:
            first, last = standing.ranks.groups[0][0], standing.ranks.groups[0][-1]
            needed = standing.ranks.detectable[first, last]
            shows = f"a difference of {needed:.3f} would show with 80 % power"
            yield f"**{_listed(leaders)} cannot be told apart**; {shows}."
    beaten = [own for own in standing.models if own.gain is not None and own.gain.smallest.high < 0]
    unsure = [
        own for own in standing.models if own.gain is not None and own.gain.smallest.low <= 0 and own not in beaten
    ]
    for models, words in ((beaten, "does better than"), (unsure, "cannot be told from")):
        floors: dict[str, list[str]] = {}
        for own in models:
            assert own.gain is not None
            floors.setdefault(own.gain.hardest, []).append(markdown(own.name))
        for floor, names in floors.items():
            yield f"A floor, {markdown(floor)}, {words} {_listed(names)}."


def _listed(names: Sequence[str]) -> str:
    return " and ".join(part for part in (", ".join(names[:-1]), names[-1]) if part)


def _picture(group: Group, standing: Board) -> str | None:
    """Models where there are any, else whatever was run; floors and references behind them."""
    below = summaries(standing) if standing.models else []
    shown = standing.models or standing.controls
    if not shown:
        return None
    record = shown[0].record
    better = "lower" if shown[0].headline.higher_is_better is False else "higher"
    kind = ", simulated data" if group.simulated else ""
    return forest(
        Forest(
            rows=[(own.name, own.headline) for own in shown],
            floors=[value for one in below if one.role == "floor" for value in one.values],
            references=[(one.name, one.mean) for one in below if one.role == "reference" and one.mean is not None],
            axis=f"{record.task.label(record.task.headline)} ({better} is better{kind})",
        )
    )


def _main_table(standing: Board, out: Path) -> str:
    """Models in the order of the board, and below a line what they are set beside."""
    every = [*standing.models, *standing.controls]
    record = every[0].record
    task = record.task
    columns = _task_columns(every)
    header = ["rank", "model", task.label(task.headline), "gain over hardest floor"]
    header += [*map(task.label, columns), "seen in training", "record"]
    rows = [_model_row(own, columns, out) for own in standing.models]
    below = summaries(standing)
    if below:
        rows.append(["", "**beside them**", *[""] * (len(header) - 2)])
    rows += [_control_row(one, columns, out) for one in below]
    return table([header[0], header[1], *map(markdown, header[2:])], rows)


def _task_columns(scores: Sequence[Score]) -> list[str]:
    """The task's first columns that some result has a value of; the gain has a column of its own."""
    task = scores[0].record.task
    wanted = [name for name in task.columns if name != task.headline and not name.startswith("gain_")]
    return [name for name in wanted if any(own.record.metrics.get(name, UNKNOWN).value is not None for own in scores)][
        :TASK_COLUMNS
    ]


def _model_row(own: Score, columns: Sequence[str], out: Path) -> list[str]:
    card = own.record.model.card
    about = ", ".join(part for part in (markdown(card.group or ""), size_of(card.parameters)) if part)
    return [
        own.rank,
        f"**{markdown(own.name)}**{small(about)}",
        cell(own.headline, whole=True),
        signed(own.gain.smallest) if own.gain else "–",
        *(cell(own.record.metrics.get(name)) for name in columns),
        f"<sub>{markdown(card.exposure_to(own.record.dataset.name))}</sub>",
        f"<sub>{record_link(own.record, own.path, out)}</sub>",
    ]


def _control_row(one: Summary, columns: Sequence[str], out: Path) -> list[str]:
    alone = one.members[0] if len(one.members) == 1 else None
    return [
        "",
        f"{markdown(one.name)}{small(one.about)}",
        one.headline,
        "",
        *(cell(alone.record.metrics.get(name)) if alone else "" for name in columns),
        "",
        f"<sub>{record_link(alone.record, alone.path, out)}</sub>" if alone else "",
    ]
