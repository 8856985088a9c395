"""The headline of one task against that of another: does being good at one cost the other?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from harness.adapter import Role
from harness.publish.escape import markdown
from harness.publish.figures.drawing import LINE, WIDTH, Box, Canvas, Scale, beside, scale_of, told
from harness.publish.figures.values import FEWEST_MODELS, Figure, Trial, seed_of
from harness.publish.links import record_link
from harness.publish.pages.markup import cell, table
from harness.publish.scores import Score
from harness.statistics.trends import Correlation, rank_correlation

TITLE = "One task against another"
ABOUT = (
    "Is a model that is good at one task, such as structure, bad at the other, such as function? Spearman's rank "
    "correlation of the two headlines over models, turned so that more is better in both: −1 is a pure trade-off, +1 "
    "the same order in both, 0 no relation. Its interval resamples the models, and the items of both tasks. Grey "
    "points are floors and red ones references; neither is counted."
)
_COLOURS: dict[Role, str] = {"floor": "floor", "ablation": "s3", "reference": "s1", "model": "s0"}
"""Models last, so that they lie on top."""
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 40, 14, 400


@dataclass(frozen=True)
class Pair:
    """What has results of both tasks; ``across`` is that of the first.

    It counts for the correlation if it is a model whose results keep draws that pair with those of the others.
    """

    across: Score
    up: Score
    counts: bool

    @property
    def role(self) -> Role:
        return self.across.record.model.card.role


def tradeoff_figures(trials: Sequence[Trial], out: Path) -> Iterator[Figure]:
    """One figure for every task that names another, from the two trials that share most models, two or more."""
    for task in dict.fromkeys(trial.task for trial in trials):
        mine = [trial for trial in trials if trial.task == task]
        # what the latest versions say; records of older ones may not know
        records = [own.record for trial in mine for own in trial.board.models]
        partner = next((record.task.plotted_against for record in records if record.task.plotted_against), None)
        options = [
            (first, second, pairs_of(first, second))
            for first, second in product(mine, [trial for trial in trials if trial.task == partner])
        ]
        chosen = max(options, key=lambda option: _models(option[2]), default=None)
        if chosen is None or _models(chosen[2]) < 2:
            continue
        first, second, pairs = chosen
        yield Figure(
            where=f"{first.where}, against {second.where}",
            name=first.file_name(f"against-{second.task}"),
            picture=_picture(first, second, pairs),
            table=_table(first, second, pairs, out),
            answer=_answer(pairs),
        )


def pairs_of(first: Trial, second: Trial) -> list[Pair]:
    """Models and controls with a headline in both, each once, the models best in the first task first."""
    known = {own.record.model.identity: own for own in reversed(_scores(second))}
    paired = [{own.record.cell for own in trial.models} for trial in (first, second)]
    found: dict[str | None, Pair] = {}
    for own in _scores(first):
        other = known.get(own.record.model.identity)
        if other is not None and own.record.model.identity not in found:
            counts = own.record.cell in paired[0] and other.record.cell in paired[1]
            found[own.record.model.identity] = Pair(own, other, counts)
    return list(found.values())


def correlation_of(pairs: Sequence[Pair]) -> Correlation | None:
    """Of the models that count; None where these are fewer than five, or all score the same in a task."""
    estimates = [(pair.across.estimate, pair.up.estimate) for pair in pairs if pair.counts]
    kept = [(one, other) for one, other in estimates if one is not None and other is not None]
    if len(kept) < FEWEST_MODELS:
        return None
    firsts, seconds = zip(*kept, strict=True)
    return rank_correlation(firsts, seconds, seed_of(own for pair in pairs for own in (pair.across, pair.up)))


def _scores(trial: Trial) -> list[Score]:
    every = [*trial.board.models, *trial.board.controls]
    return [own for own in every if own.headline.value is not None and own.record.model.identity is not None]


def _models(pairs: Sequence[Pair]) -> int:
    return sum(pair.role == "model" for pair in pairs)


def _named(pairs: Iterable[Pair]) -> list[Pair]:
    """Without floors, which are many: a reader looks for models."""
    return [pair for pair in pairs if pair.role != "floor"]


def _answer(pairs: Sequence[Pair]) -> str:
    found, count = correlation_of(pairs), sum(pair.counts for pair in pairs)
    unknown = "Whether there is a trade-off **cannot be told**"
    if count < FEWEST_MODELS:
        return f"{unknown}: it takes {FEWEST_MODELS} models whose results keep bootstrap draws, and there are {count}."
    if found is None:
        return f"{unknown}: in one of the tasks all models score the same."
    value, low, high = (
        f"{end:.2f}".replace("-", "−") for end in (found.interval.value, found.interval.low, found.interval.high)
    )
    p = f"p = {found.p:.3f}" if found.p >= 0.001 else "p < 0.001"
    numbers = f"rank correlation {value} [{low}, {high}] over {found.interval.n} models, {p}"
    if not found.found:
        return f"{unknown}: {numbers}."
    if found.interval.value < 0:
        return f"**There is a trade-off**: {numbers}."
    return f"**There is no trade-off**: models that are good at one are good at the other, {numbers}."


def _picture(first: Trial, second: Trial, pairs: Sequence[Pair]) -> str:
    canvas = Canvas(f"{first.task} against {second.task}")
    across = scale_of([pair.across.headline for pair in pairs], _LEFT, WIDTH - _RIGHT)
    up = scale_of([pair.up.headline for pair in pairs], _BOTTOM, _TOP)
    canvas.grid_up(up, _LEFT, WIDTH - _RIGHT)
    canvas.grid_across(across, _TOP, _BOTTOM)
    ordered = [pair for role in _COLOURS for pair in pairs if pair.role == role]
    for pair in ordered:
        _point(canvas, across, up, pair)
    named = _named(reversed(ordered))
    bars = [box for pair in named if pair.role == "model" for box in _bars(across, up, pair)]
    spots = beside([_spot(across, up, pair) for pair in named], [pair.across.name for pair in named], bars)
    for pair, (x, y, anchor) in zip(named, spots, strict=True):
        canvas.text("", x, y, pair.across.name, anchor)
    canvas.text("quiet", WIDTH / 2, _BOTTOM + 36, f"across: {first.task}, {first.axis}, {first.title}", "middle")
    canvas.text("quiet", WIDTH / 2, _BOTTOM + 52, f"upwards: {second.task}, {second.axis}, {second.title}", "middle")
    return canvas.svg(_BOTTOM + 52 + LINE)


def _spot(across: Scale, up: Scale, pair: Pair) -> tuple[float, float]:
    assert pair.across.headline.value is not None and pair.up.headline.value is not None
    return across(pair.across.headline.value), up(pair.up.headline.value)


def _bars(across: Scale, up: Scale, pair: Pair) -> Iterator[Box]:
    """Where the intervals of a point lie, as boxes of a line's width."""
    x, y = _spot(across, up, pair)
    first, second = pair.across.headline, pair.up.headline
    if first.low is not None and first.high is not None:
        yield across(first.low), y - 1, across(first.high), y + 1
    if second.low is not None and second.high is not None:
        yield x - 1, up(second.high), x + 1, up(second.low)


def _point(canvas: Canvas, across: Scale, up: Scale, pair: Pair) -> None:
    (x, y), kind = _spot(across, up, pair), _COLOURS[pair.role]
    if pair.role == "model":
        canvas.interval_across(f"faint {kind}", y, pair.across.headline, across)
        canvas.interval_up(f"faint {kind}", x, pair.up.headline, up)
    canvas.dot(kind, x, y, told(pair.across.name, pair.up.headline), 4.5 if pair.role == "model" else 3)


def _table(first: Trial, second: Trial, pairs: Sequence[Pair], out: Path) -> str:
    labels = [markdown(trial.record.task.label(trial.record.task.headline)) for trial in (first, second)]
    rows = []
    for pair in sorted(_named(pairs), key=lambda pair: list(reversed(_COLOURS)).index(pair.role)):
        sides = (pair.across, pair.up)
        links = " ".join(record_link(own.record, own.path, out) for own in sides)
        rows.append([markdown(pair.across.name), pair.role, *(cell(own.headline, whole=True) for own in sides), links])
    return table(["model", "role", *labels, "records"], rows)
