"""Whether models do worse on rare RNA types than on common ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness.publish.escape import markdown
from harness.publish.figures.drawing import LINE, WIDTH
from harness.publish.figures.spread import Spread, f1_rows, named, spread_of
from harness.publish.figures.values import Figure, Trial, seed_of
from harness.publish.format import number
from harness.publish.links import record_link
from harness.publish.pages.markup import signed, table
from harness.statistics.bootstrap import Estimate, Floats, cluster_weights

TITLE = "Rare against common RNA types"
ABOUT = (
    "Do models do worse on RNA types of which few sequences are known? The types (families) of a dataset are ranked by "
    "how many of its scored sequences they have and cut at the median; a model's score is the mean over types of the "
    "mean F1 of each. Intervals resample types, apart among rare and common ones. Grey dots are rare types, blue ones "
    "common."
)
FEWEST_TYPES = 10
"""Rare and common ones, of each: intervals that resample fewer are too narrow."""
_DRAWS = 2000


@dataclass(frozen=True)
class Rarity:
    """Mean F1 of types (rows) and models (columns, best first), and which types are rare."""

    spread: Spread
    values: Floats
    rare: NDArray[np.bool_]

    def means(self, rare: bool) -> Floats:
        """(models,): over the rare or the common types."""
        return np.asarray(self.values[self.rare == rare].mean(axis=0))

    @cached_property
    def _draws(self) -> Floats:
        """(draws, models): common minus rare."""
        sides = []
        for rare in (False, True):
            own = self.values[self.rare == rare]
            weights = cluster_weights(range(len(own)), _DRAWS, seed_of(self.spread.models) + rare)
            sides.append(weights / weights.sum(axis=1, keepdims=True) @ own)
        return np.asarray(sides[0] - sides[1])

    def gap(self, model: int | None = None) -> Estimate:
        """By how much common types do better, of one model or in the mean over all."""
        values, draws = self.means(False) - self.means(True), self._draws
        fewest = int(min(self.rare.sum(), (~self.rare).sum()))
        if model is not None:
            return Estimate(float(values[model]), draws[:, model], fewest)
        return Estimate(float(values.mean()), draws.mean(axis=1), fewest)


def rarity_figures(trials: Sequence[Trial], out: Path) -> Iterator[Figure]:
    """One figure for every trial whose sequences are of known types, ten rare and ten common ones at least."""
    for trial in trials:
        spread = spread_of(trial.board.models)
        rarity = None if spread is None else rarity_of(spread)
        if rarity is not None:
            name, picture = trial.file_name("rarity"), _picture(trial, rarity)
            yield Figure(trial.where, name, picture, _table(rarity, out), _answer(rarity))


def rarity_of(spread: Spread) -> Rarity | None:
    """None where types are unknown, all of one size, or too few."""
    if not spread.of_types:
        return None
    counts = Counter(spread.units)
    types = sorted(counts)
    sizes = np.array([counts[name] for name in types])
    rare = sizes <= np.median(sizes)
    if min(rare.sum(), (~rare).sum()) < FEWEST_TYPES:
        return None
    units = np.array(spread.units)
    return Rarity(spread, np.stack([spread.values[units == name].mean(axis=0) for name in types]), rare)


def _answer(rarity: Rarity) -> str:
    gap = rarity.gap().interval()
    numbers = (
        f"mean F1 {rarity.means(True).mean():.3f} on {rarity.rare.sum()} rare types and "
        f"{rarity.means(False).mean():.3f} on {(~rarity.rare).sum()} common ones (difference {gap.value:.3f} "
        f"[{gap.low:.3f}, {gap.high:.3f}])"
    ).replace("-", "−")
    if gap.low > 0:
        return f"These models do **worse on rare types**: {numbers}."
    if gap.high < 0:
        return f"These models do **better on rare types**: {numbers}."
    return f"Whether rare types are harder for these models **cannot be told**: {numbers}."


def _picture(trial: Trial, rarity: Rarity) -> str:
    models = rarity.spread.models
    canvas, scale, rows, bottom = f1_rows(f"{TITLE}: {trial.task}, {trial.title}", models)
    pairs = zip(models, rows, rarity.means(True).tolist(), rarity.means(False).tolist(), strict=True)
    for own, y, rare, common in pairs:
        named(canvas, own, y)
        canvas.line("bar2 s0", scale(min(rare, common)), y, scale(max(rare, common)), y)
        canvas.dot("floor", scale(rare), y, f"{own.name}: rare types {number(rare)}")
        canvas.dot("s0", scale(common), y, f"{own.name}: common types {number(common)}")
    canvas.text("quiet", WIDTH / 2, bottom + 36, "mean F1 over types: rare (grey), common (blue)", "middle")
    return canvas.svg(bottom + 36 + LINE)


def _table(rarity: Rarity, out: Path) -> str:
    rows = [
        [
            *(markdown(own.name), number(rare), number(common)),
            *(signed(rarity.gap(place).interval()), record_link(own.record, own.path, out)),
        ]
        for place, (own, rare, common) in enumerate(
            zip(rarity.spread.models, rarity.means(True).tolist(), rarity.means(False).tolist(), strict=True)
        )
    ]
    return table(["model", "rare types", "common types", "common over rare", "record"], rows)
