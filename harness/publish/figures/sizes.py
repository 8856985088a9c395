"""What more parameters buy within a family of models: one architecture and corpus, several sizes."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.publish.escape import markdown
from harness.publish.figures.drawing import LINE, Canvas, Scale, scale_of, series, told
from harness.publish.figures.values import Figure, Trial, as_written
from harness.publish.links import record_link
from harness.publish.pages.markup import cell, signed, size_of, table
from harness.publish.scores import Score
from harness.statistics.bootstrap import Interval
from harness.statistics.trends import slope

TITLE = "Size within a family of models"
ABOUT = (
    "Does a larger model of the same kind do better? A family is one architecture and tokenisation trained on one "
    "corpus, in sizes that differ twofold or more. The gain per doubling is the slope of the headline over the "
    "logarithm of the parameters, counted so that more is better. Its interval is from paired draws of the items: it "
    "holds for these models on such items, and says nothing about sizes that were not measured."
)
SMALLEST_RANGE = 2.0
"""Largest over smallest model: less than a doubling says nothing about one (vocabularies alone differ by 15 %)."""
_LEFT, _NAMES, _TOP, _BOTTOM = 70, 650, 14, 330


@dataclass(frozen=True)
class Family:
    """Models of one family from small to large, and the gain per doubling, in which more is better."""

    name: str
    members: tuple[Score, ...]
    gain: Interval

    @property
    def sentence(self) -> str:
        """What a doubling gains, or that it cannot be told, in Markdown."""
        value, low, high = (_signed(end) for end in (self.gain.value, self.gain.low, self.gain.high))
        told = f"{value} [{low}, {high}] per doubling"
        name = markdown(self.name)
        if not math.isfinite(self.gain.low):
            return f"Whether larger {name} models do better **cannot be told**: no bootstrap draw has a value of all."
        if self.gain.low > 0:
            return f"**Larger {name} models do better**: {told}."
        if self.gain.high < 0:
            return f"**Larger {name} models do worse**: {told}."
        return f"Whether larger {name} models do better **cannot be told**: {told}."


def size_figures(trials: Sequence[Trial], out: Path) -> Iterator[Figure]:
    """One figure for every trial that holds a family."""
    for trial in trials:
        families = families_of(trial.models)
        if families:
            yield Figure(
                where=trial.where,
                name=trial.file_name("by-size"),
                picture=_picture(trial, families),
                table=_table(trial, families, out),
                answer=" ".join(family.sentence for family in families),
            )


def families_of(scores: Sequence[Score]) -> list[Family]:
    """The families among models that share items and draws, by name; a model of an unknown corpus is in none."""
    members: dict[tuple[str, str, str], list[Score]] = {}
    for own in scores:
        card = own.record.model.card
        if card.parameters and card.corpus != "unknown":
            members.setdefault((card.architecture, card.tokenisation, card.corpus), []).append(own)
    ordered = {key: sorted(found, key=lambda own: (_size(own), own.name)) for key, found in sorted(members.items())}
    kept = {key: found for key, found in ordered.items() if _size(found[-1]) >= SMALLEST_RANGE * _size(found[0])}
    names = Counter(name for name, _, _ in kept)
    families = []
    for (name, tokens, corpus), found in kept.items():
        estimates = [own.estimate for own in found if own.estimate is not None]
        gain = slope([math.log2(_size(own)) for own in found], estimates).interval()
        title = f"{name} ({tokens}, {corpus})" if names[name] > 1 else name
        families.append(Family(title, tuple(found), gain))
    return families


def _signed(value: float) -> str:
    """With its sign, and no sign of its own for a zero."""
    return f"{round(value, 3) + 0.0:+.3f}".replace("-", "−")


def _size(own: Score) -> int:
    return own.record.model.card.parameters or 0


def _picture(trial: Trial, families: Sequence[Family]) -> str:
    members = [own for family in families for own in family.members]
    canvas = Canvas(f"{TITLE}: {trial.axis}")
    up = scale_of([own.headline for own in members], _BOTTOM, _TOP)
    sizes = [math.log10(_size(own)) for own in members]
    powers = range(math.floor(min(sizes)), math.ceil(max(sizes)) + 1)
    across = Scale(powers, _LEFT, _NAMES - 20)
    canvas.grid_up(up, _LEFT, _NAMES - 20)
    canvas.grid_across(across, _TOP, _BOTTOM, told=lambda power: _short_size(10**power))
    ends = []
    for place, family in enumerate(families):
        kind = series(place)
        points = []
        for own in family.members:
            assert own.headline.value is not None
            x, y = across(math.log10(_size(own))), up(own.headline.value)
            canvas.interval_up(kind, x, own.headline, up)
            canvas.dot(kind, x, y, told(f"{own.name}, {_short_size(_size(own))}", own.headline))
            points.append((x, y))
        canvas.curve(kind, points)
        ends.append((kind, family.name, points[-1][1]))
    canvas.column_of_names(_NAMES, ends)
    caption = f"parameters; upwards: {trial.axis}; lines: 95 % intervals"
    canvas.text("quiet", (_LEFT + _NAMES) / 2, _BOTTOM + 36, caption, "middle")
    return canvas.svg(_BOTTOM + 36 + LINE)


def _short_size(parameters: float) -> str:
    for unit, worth in (("B", 1e9), ("M", 1e6), ("k", 1e3)):
        if parameters >= worth:
            return f"{parameters / worth:.3g} {unit}"
    return f"{parameters:g}"


def _table(trial: Trial, families: Sequence[Family], out: Path) -> str:
    headline = markdown(trial.record.task.label(trial.record.task.headline))
    rows = []
    for family in families:
        start, end = f"**{markdown(family.name)}**", signed(as_written(family.gain, 1))
        for own in family.members:
            size = size_of(_size(own)).removesuffix(" parameters")
            link = record_link(own.record, own.path, out)
            rows.append([start, markdown(own.name), size, cell(own.headline, whole=True), end, link])
            start = end = ""
    return table(["family", "model", "parameters", headline, "gain per doubling", "record"], rows)
