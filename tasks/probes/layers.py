"""Probes of each of several layers: their rows and draws in one form, and the picture that both probes leave."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from harness.publish.pictures import curve, save_svg
from harness.statistics.bootstrap import Estimate
from harness.task import EACH_LAYER, Place, TableRow
from tasks.common import SHARE, table_row
from tasks.probes.sources import MODEL, TWINS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ByLayer = Mapping[int, tuple[Estimate, float]]
"""Layer -> score on test, and on validation."""

SMALL = 7
_LAYERED = {MODEL: "#1f6f8b", TWINS: "#8a8a8a"}
_FLAT = ("#d55e00", "#cc79a7", "#e69f00")
"""Colours that readers who see no red or no green tell apart too (Okabe and Ito)."""


@dataclass(frozen=True)
class Curves:
    """What the picture shows, by source: scores by layer, by number of training examples, and of the best probe.

    ``score`` and ``training`` name the axes.
    """

    layers: Mapping[str, Mapping[int, Estimate]]
    examples: Mapping[str, Mapping[int, Estimate]]
    best: Mapping[str, Estimate]
    score: str
    training: str


def layer_rows(metric: str, validation: str, source: str, by_layer: ByLayer) -> Iterator[TableRow]:
    """Nothing of a single layer, which has nothing to be compared with."""
    if len(by_layer) > 1:
        for layer, (estimate, chosen) in by_layer.items():
            yield table_row(metric, estimate, source, layer, EACH_LAYER, within=SHARE)
            yield TableRow(name=validation, source=source, layer=layer, stratum=EACH_LAYER, value=chosen)


def layer_draws(metric: str, by_layer: ByLayer) -> dict[Place, Estimate]:
    """Of the model; the draws of all layers are of the same items."""
    return {Place(metric, MODEL, layer, EACH_LAYER): own for layer, (own, _) in by_layer.items() if len(by_layer) > 1}


def draw_probes(path: Path, curves: Curves, title: str) -> None:
    """Score by layer, with letters as level lines, and by number of training examples; bands are 95 % intervals."""
    from matplotlib.figure import Figure

    panels = [name for name in (MODEL, TWINS) if len(curves.layers.get(name, {})) > 1]
    several = len(curves.examples.get(MODEL, {})) > 1
    if not panels and not several:
        return
    colours = _LAYERED | dict(zip((name for name in curves.best if name not in _LAYERED), _FLAT, strict=False))
    count = bool(panels) + several
    figure = Figure(figsize=(3.3 * count + 0.2, 3.0), layout="constrained")
    axes = list(figure.subplots(1, count, sharey=True, squeeze=False)[0])
    if panels:
        for name in panels:
            _line(axes[0], curves.layers[name], colours[name], name)
        for name, own in curves.best.items():
            if name not in _LAYERED:
                axes[0].axhline(own.value, color=colours[name], linewidth=1.2, linestyle="--", label=name)
        axes[0].set_xlabel("layer", size=SMALL)
        axes[0].xaxis.get_major_locator().set_params(integer=True)
    if several:
        for name, by_count in curves.examples.items():
            _line(axes[-1], by_count, colours[name], name)
        numbers = sorted({number for own in curves.examples.values() for number in own})
        axes[-1].set_xscale("log")
        axes[-1].set_xticks(numbers, [f"{number:,}" for number in numbers])
        axes[-1].set_xticks([], minor=True)
        axes[-1].set_xlabel(curves.training, size=SMALL)
    axes[0].set_ylabel(curves.score, size=SMALL)
    for own_axes in axes:
        own_axes.set_ylim(0, None)
        own_axes.tick_params(labelsize=SMALL, length=2)
        own_axes.spines[["top", "right"]].set_visible(False)
    handles = {label: handle for own in axes for handle, label in zip(*own.get_legend_handles_labels(), strict=True)}
    figure.legend(handles.values(), handles, loc="outside lower center", ncols=5, fontsize=SMALL, frameon=False)
    figure.suptitle(title, size=SMALL + 2, parse_math=False)
    save_svg(figure, path)


def _line(axes: Axes, scores: Mapping[int, Estimate], colour: str, label: str) -> None:
    rows = {place: table_row("", own, label, within=SHARE) for place, own in scores.items()}
    kept = {place: row for place, row in rows.items() if row.value is not None}
    nothing = float("nan")
    ends = [[nothing if end is None else end for end in (row.low, row.high)] for row in kept.values()]
    values = [row.value for row in kept.values() if row.value is not None]
    curve(axes, list(kept), values, [low for low, _ in ends], [high for _, high in ends], colour, label)
