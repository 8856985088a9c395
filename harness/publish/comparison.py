"""Two models on the same items: which is better, by how much, and what difference would have shown."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.errors import InputError, did_you_mean
from harness.publish.escape import terminal
from harness.publish.format import number, with_interval
from harness.publish.groups import Records, groups_of, section_title
from harness.publish.scores import draws_of, estimate_of, pairs_with
from harness.result import ResultRecord
from harness.statistics.differences import Difference, holm, paired_difference
from harness.task import Metric


@dataclass(frozen=True)
class Line:
    """One metric of both models. ``p`` is corrected for all lines but the headline; None where draws do not pair."""

    label: str
    first: Metric
    second: Metric
    lower_is_better: bool
    difference: Difference | None
    p: float | None


@dataclass(frozen=True)
class Comparison:
    """Two records of the same items, and their metrics, the headline first."""

    first: ResultRecord
    second: ResultRecord
    lines: tuple[Line, ...]

    def verdict(self) -> str:
        """Which is better by the headline, or that this cannot be told and what would have shown, in one sentence."""
        first, second = self.first.model.card.name, self.second.model.card.name
        headline = self.lines[0]
        if headline.difference is None:
            return "cannot tell: these results keep no bootstrap draws of the same items; run both again with --force"
        value, needed = headline.difference.interval.value, headline.difference.detectable
        if headline.difference.found:
            ahead, behind = (first, second) if value > 0 else (second, first)
            return f"{ahead} is better than {behind} by {number(abs(value))}"
        if not np.isfinite(needed):
            return "cannot tell: no bootstrap draw has a value of both"
        if needed == 0:
            return "cannot tell: both score the same in every bootstrap draw"
        return f"cannot tell; a difference of {number(needed)} would show with 80 % power"


def compare_models(records: Records, first: str, second: str, task: str, dataset: str | None) -> list[Comparison]:
    """Every pair of groups_of results of two models, by dataset.

    Raises:
        InputError: a model has no finished result of the task, or none of the results are of the same items.
    """
    ours = [(path, record) for path, record in records if record.status == "done" and record.task.name == task]
    if dataset is not None:
        ours = [(path, record) for path, record in ours if record.dataset.name == dataset]
    where = f"{task} on {dataset}" if dataset else task
    known = {record.model.card.name for _, record in ours}
    for name in (first, second):
        if name not in known:
            command = f"harness run --model {name} --task {task}" + (f" --dataset {dataset}" if dataset else "")
            raise InputError(f"no finished result of {name} for {where}.{did_you_mean(name, known)} Try: {command}")
    found = []
    for _, members in sorted(groups_of(ours).items()):
        sides = [[(p, r) for p, r in members if r.model.card.name == name] for name in (first, second)]
        found += [_compared(*one, *other) for one in sides[0] for other in sides[1] if one[1].cell != other[1].cell]
    if not found:
        raise InputError(f"{first} and {second} share no items of {where}: run both on one dataset with equal settings")
    return found


def print_comparison(comparison: Comparison, console: Console) -> None:
    """The verdict, then a table of the metrics of both."""
    first, second = comparison.first, comparison.second
    title = Text.assemble("\n", terminal(first.task.name, "bold"), " · ", terminal(section_title(first)))
    if first.dataset.simulated:
        title.append(" · ").append("simulated data", "yellow")
    console.print(title)
    console.print(Text.assemble(terminal(comparison.verdict(), "bold")))
    headline = comparison.lines[0]
    for record, metric in ((first, headline.first), (second, headline.second)):
        console.print(
            Text.assemble("  ", terminal(f"{record.model.card.name}: {headline.label} {with_interval(metric)}"))
        )
    table = Table(header_style="bold", pad_edge=False, box=box.SIMPLE_HEAD)
    table.add_column("")
    for record in (first, second):
        table.add_column(terminal(record.model.card.name), justify="right")
    table.add_column("difference, + is better", justify="right", no_wrap=True)
    table.add_column("p", justify="right", no_wrap=True)
    for place, line in enumerate(comparison.lines):
        label = line.label + (" (lower is better)" if line.lower_is_better else "")
        difference = "–" if line.difference is None else with_interval(line.difference.interval)
        p = "–" if line.p is None else f"{line.p:.3f}" if line.p >= 0.001 else "<0.001"
        cells = [number(line.first.value), number(line.second.value), difference, p]
        table.add_row(terminal(label), *cells, style="bold" if place == 0 else "")
    console.print(table)
    if len(comparison.lines) > 1:
        console.print(Text("p: uncorrected for the headline, Holm-corrected for the others", style="dim"))


def _compared(first_path: Path, first: ResultRecord, second_path: Path, second: ResultRecord) -> Comparison:
    lines = list(_lines(first_path, first, second_path, second))
    others = [line.difference.p for line in lines[1:] if line.difference is not None]
    corrected = iter(holm(others).tolist())
    for place, line in enumerate(lines[1:], 1):
        if line.difference is not None:
            lines[place] = Line(**{**vars(line), "p": next(corrected)})
    return Comparison(first, second, tuple(lines))


def _lines(first_path: Path, first: ResultRecord, second_path: Path, second: ResultRecord) -> Iterator[Line]:
    draws = draws_of(first_path, first), draws_of(second_path, second)
    task = first.task
    for name in dict.fromkeys((task.headline, *task.columns)):
        if name not in first.metrics or name not in second.metrics:
            continue
        one, other = estimate_of(first, name, draws[0]), estimate_of(second, name, draws[1])
        difference = paired_difference(one, other) if one and other and pairs_with(one, other) else None
        if difference is None and name != task.headline:
            continue
        metric = first.metrics[name]
        yield Line(
            task.label(name),
            metric,
            second.metrics[name],
            metric.higher_is_better is False,
            difference,
            None if difference is None else difference.p,
        )
