"""Headlines by what kind of sequence the models were trained on."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from harness.publish.escape import markdown
from harness.publish.figures.drawing import LINE, WIDTH, Canvas, Scale, scale_of, shortened, told
from harness.publish.figures.values import Figure, Trial, as_written
from harness.publish.links import record_link
from harness.publish.pages.markup import cell, size_of, table
from harness.publish.pages.verdict import ahead
from harness.publish.scores import Score
from harness.statistics.bootstrap import Estimate, nested_estimate
from harness.statistics.ranks import rank_intervals
from harness.task import Metric

TITLE = "By class"
ABOUT = (
    "Do models trained on one kind of sequence do better than those trained on another? Dots are models with the 95 % "
    "interval of their headline; a diamond is the mean of a class. The interval of a mean resamples the models of the "
    "class as well as the items, so that few models make it wide: it is about such models in general, not about these "
    "alone. A class of one model has no mean."
)
_CLASSES = {
    "diverse ncRNA": "I diverse ncRNA",
    "special RNA": "II special RNA",
    "unified": "III unified",
    "DNA": "DNA",
    "protein": "protein",
}
"""As the review names and orders them; other names stand below these."""
_LEFT, _RIGHT, _ROW = 230, 40, 22


@dataclass(frozen=True)
class ModelClass:
    """Models of one class, best first, and their mean where there are two or more; higher is better in ``mean``."""

    name: str
    members: tuple[Score, ...]
    mean: Estimate | None


def class_figures(trials: Sequence[Trial], out: Path) -> Iterator[Figure]:
    """One figure for every trial in which two classes or more have a mean."""
    for trial in trials:
        classes = classes_of(trial.models)
        compared = [own for own in classes if own.mean is not None]
        if len(compared) < 2:
            continue
        means = [own.mean for own in compared if own.mean is not None]
        order = sorted(range(len(means)), key=lambda place: (-means[place].value, place))
        names = [markdown(compared[place].name) for place in order]
        yield Figure(
            where=trial.where,
            name=trial.file_name("by-class"),
            picture=_picture(trial, classes),
            table=_table(trial, classes, out),
            answer=ahead(names, rank_intervals([means[place] for place in order]), "class"),
        )


def classes_of(scores: Sequence[Score]) -> list[ModelClass]:
    """The classes of models that share items and draws, in the order of the review."""
    members: dict[str, list[Score]] = {}
    for own in scores:
        if own.record.model.card.group is not None:
            members.setdefault(own.record.model.card.group, []).append(own)
    known = list(_CLASSES)
    order = sorted(members, key=lambda name: (known.index(name) if name in known else len(known), name))
    return [ModelClass(_CLASSES.get(name, name), tuple(members[name]), _mean(name, members[name])) for name in order]


def _mean(name: str, members: Sequence[Score]) -> Estimate | None:
    """The mean over models with draws that resample models and items; other classes resample their own models."""
    estimates = [own.estimate for own in members if own.estimate is not None]
    if len(estimates) < 2:
        return None
    draws = np.stack([own.draws for own in estimates])
    return nested_estimate(draws, [own.value for own in estimates], estimates[0].n, zlib.crc32(name.encode()))


def _written(trial: Trial, own: ModelClass) -> Metric | None:
    return None if own.mean is None else as_written(own.mean.interval(), trial.direction)


def _picture(trial: Trial, classes: Sequence[ModelClass]) -> str:
    canvas = Canvas(f"{TITLE}: {trial.axis}")
    means = [_written(trial, own) for own in classes]
    entries = [model.headline for own in classes for model in own.members]
    scale = scale_of([*entries, *(mean for mean in means if mean is not None)], _LEFT, WIDTH - _RIGHT)
    top = 8
    bottom = top + sum(_ROW * (1 + len(own.members)) + 8 for own in classes)
    canvas.grid_across(scale, top, bottom)
    y: float = top + 14
    for own, mean in zip(classes, means, strict=True):
        canvas.text("bold", 8, y + 4, shortened(own.name, _LEFT - 16))
        if mean is not None and mean.value is not None:
            _mean_mark(canvas, scale, y, own.name, mean)
        for model in own.members:
            y += _ROW
            assert model.headline.value is not None
            canvas.text("", _LEFT - 12, y + 4, shortened(model.name, _LEFT - 32), "end")
            canvas.interval_across("s0", y, model.headline, scale)
            canvas.dot("s0", scale(model.headline.value), y, told(model.name, model.headline))
        y += _ROW + 8
    caption = f"{trial.axis}; diamond: mean of a class; lines: 95 % intervals"
    canvas.text("quiet", WIDTH / 2, bottom + 36, caption, "middle")
    return canvas.svg(bottom + 36 + LINE)


def _mean_mark(canvas: Canvas, scale: Scale, y: float, name: str, mean: Metric) -> None:
    assert mean.value is not None
    canvas.interval_across("s1", y, mean, scale)
    canvas.diamond("s1", scale(mean.value), y, told(f"mean of {name}", mean))


def _table(trial: Trial, classes: Sequence[ModelClass], out: Path) -> str:
    header = ["class", "model", "parameters", markdown(trial.record.task.label(trial.record.task.headline)), "record"]
    rows = []
    for own in classes:
        mean = _written(trial, own)
        average = cell(mean, whole=True) if mean is not None else "–"
        rows.append([f"**{markdown(own.name)}**", f"mean of {len(own.members)}" if mean else "", "", average, ""])
        for model in own.members:
            size = size_of(model.record.model.card.parameters).removesuffix(" parameters")
            link = record_link(model.record, model.path, out)
            rows.append(["", markdown(model.name), size, cell(model.headline, whole=True), link])
    return table(header, rows)
