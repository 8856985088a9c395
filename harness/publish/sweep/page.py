"""The page and the table of a sweep: Markdown and CSV from records alone."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from harness.publish.escape import csv_cell, markdown
from harness.publish.format import HasInterval, with_interval
from harness.publish.links import record_link
from harness.publish.pages.markup import cell, signed, table
from harness.publish.sweep.picture import label_of, picture
from harness.publish.sweep.trials import STABILITY, Standing, SweptRecord, Trial, Values, trials

PAGE, TABLE = "sweep.md", "sweep.csv"
_WARNING = (
    "These are test scores. Whoever takes the best combination of this page has chosen it on test: its score is "
    "optimistic, and belongs on no leaderboard unless it is confirmed on other data."
)


def render_sweep(swept: Sequence[SweptRecord], fixed: Values, out: Path) -> dict[Path, str]:
    """Everything that a sweep writes to ``out``, text by path: a page, a table, and a picture per task and dataset."""
    found = trials(swept)
    names = [name for name, _ in swept[0].values]
    counted = len({own.values for own in swept})
    blocks = [
        f"# Sweep of {markdown(' and '.join(names))}",
        f"{counted} combinations" + (f", all with {markdown(label_of(fixed))}." if fixed else "."),
        _WARNING,
    ]
    pages: dict[Path, str] = {}
    for number_of, trial in enumerate(found, 1):
        blocks += [f"## {markdown(trial.title)}"]
        if trial.standings:
            file = f"sweep-{number_of}-{_file_name(trial.title)}.svg"
            pages[out / file] = picture(trial)
            blocks += [f"![{markdown(trial.headline)} by combination]({file})", *answers(trial), _table(trial, out)]
        if trial.missing:
            blocks.append("\n".join(_missing(trial)))
    pages[out / PAGE] = "\n\n".join(blocks) + "\n"
    pages[out / TABLE] = _csv(found, names, out)
    return pages


def answers(trial: Trial) -> Iterator[str]:
    """How far the headline moves with the settings, and whether the order of the models does, in Markdown."""
    for model in trial.models:
        own = [standing for standing in trial.of(model) if standing.score.headline.value is not None]
        if len(own) > 1:
            own.sort(key=lambda standing: standing.score.worth)
            worst, best = own[0], own[-1]
            yield (
                f"{markdown(model)}: {markdown(trial.headline)} from {with_interval(worst.score.headline)} "
                f"({markdown(label_of(worst.values))}) to {with_interval(best.score.headline)} "
                f"({markdown(label_of(best.values))})."
            )
    orders = trial.orders
    if not orders:
        simulated = "on simulated data" if trial.record.dataset.simulated else "where fewer than two can be compared"
        yield f"Models are not ranked {simulated}."
        return
    usual = markdown(", ".join(trial.usual_order))
    if not trial.other_orders:
        yield f"**The order of the models is the same in all {len(orders)} combinations**: {usual}."
    else:
        moved = [(model, *trial.moves(model)) for model in trial.models]
        told = ", ".join(f"{markdown(model)} in {some} of {every}" for model, some, every in moved if some)
        yield (
            f"**The order of the models differs from the usual one in {trial.other_orders} of {len(orders)} "
            f"combinations** (usual: {usual}). Another place than usual: {told}."
        )
    if trial.reversals:
        pairs = "; ".join(f"{markdown(first)} and {markdown(second)}" for first, second in trial.reversals)
        yield f"**Which is better depends on the settings, beyond the intervals of ranks**: {pairs}."
    elif trial.other_orders:
        yield "No two models change their order beyond the intervals of their ranks."


def rank_of(standing: Standing) -> str:
    """``2 (1–3)``: the place, and the ranks that the model may hold."""
    return "–" if standing.place is None else f"{standing.place} ({standing.score.rank})"


def _table(trial: Trial, out: Path) -> str:
    names = [name for name, _ in trial.combinations[0]]
    with_stability = any(own.stability is not None for own in trial.standings)
    header = ["model", *map(markdown, names), markdown(trial.headline), "gain over floors"]
    header += [markdown(trial.record.task.label(STABILITY))] if with_stability else []
    header += ["place (ranks)"] if trial.orders else []
    rows = []
    for model in trial.models:
        for own in trial.of(model):
            row = [markdown(own.name), *(markdown(value) for _, value in own.values)]
            row += [cell(own.score.headline, whole=True), "–" if own.gain is None else signed(own.gain)]
            row += [cell(own.stability, whole=True)] if with_stability else []
            row += [rank_of(own)] if trial.orders else []
            rows.append([*row, record_link(own.score.record, own.score.path, out)])
    return table([*header, "record"], rows)


def _missing(trial: Trial) -> Iterator[str]:
    yield "Without a result:\n"
    for own in trial.missing:
        reason = own.record.error or own.record.status
        yield f"- {markdown(own.record.model.card.name)}, {markdown(label_of(own.values))}: {markdown(reason)}"


def _csv(found: Sequence[Trial], names: Sequence[str], out: Path) -> str:
    """A row for every model and combination of every trial; numbers unrounded."""
    header = ["task", "dataset", "model", *names, "layer", "metric"]
    for name in ("headline", "gain", STABILITY):
        header += [name, f"{name}_low", f"{name}_high"]
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow([csv_cell(name) for name in [*header, "place", "rank_low", "rank_high", "cell"]])
    for trial in found:
        for own in trial.standings:
            record = own.score.record
            row: list[object] = [record.task.name, record.dataset.name, own.name, *(value for _, value in own.values)]
            row += [record.basis.layer if record.basis else None, record.task.headline]
            for entry in (own.score.headline, own.gain, own.stability):
                row += _ends(entry)
            row += [own.place, *(own.ranks or (None, None)), record.cell]
            writer.writerow([csv_cell(value) for value in row])
    return buffer.getvalue()


def _ends(entry: HasInterval | None) -> list[float | None]:
    return [None, None, None] if entry is None else [entry.value, entry.low, entry.high]


def _file_name(title: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")
