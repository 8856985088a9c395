"""Pictures that a cell of similarity leaves beside its record, as SVG with the same bytes for the same numbers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from harness.publish.pictures import curve, save_svg
from tasks.similarity.comparisons import CKA, LESS_LETTERS, MEASURES, NEIGHBOURS
from tasks.similarity.floors import FLOORS
from tasks.similarity.report import MODEL, TWIN, Found
from tasks.similarity.states import MEANS, NUCLEOTIDES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import QuadMesh
    from matplotlib.figure import Figure

SMALL = 7
WORDS = {
    CKA: "linear CKA",
    LESS_LETTERS: "CKA, letter means removed",
    NEIGHBOURS: "neighbours in common",
    MODEL: "model",
    TWIN: "random twin",
}
COLOURS = {"with": "#1f6f8b", "between": "#8a8a8a"}
NUMBERED = 10
"""Cells on a side up to which every cell has its number."""


def draw_maps(path: Path, found: Found, subject: str) -> None:
    """Heat maps: layers of the model and its twin against each other, and against what needs no model."""
    from matplotlib.figure import Figure

    sources = [source for source in (MODEL, TWIN) if (source, found.last, source, found.last) in found.pairs]
    panels = [(MODEL, MODEL)] + ([(MODEL, TWIN), (TWIN, TWIN)] if TWIN in sources else [])
    count = len(panels) + len(sources)
    figure = Figure(figsize=(2.0 * count + 0.8, 2.2 * len(MEASURES) + 0.7), layout="constrained")
    axes = figure.subplots(len(MEASURES), count, squeeze=False)
    for row, measure in zip(axes, MEASURES, strict=True):
        for panel, (first, second) in zip(row, panels, strict=False):
            values = [[found.pairs[first, i, second, j][measure].value for j in found.layers] for i in found.layers]
            mesh = heat(panel, np.array(values), found.layers, found.layers)
            panel.set_xlabel(f"layer of {WORDS[second]}", size=SMALL)
            panel.set_ylabel(f"layer of {WORDS[first]}", size=SMALL)
        for panel, source in zip(row[len(panels) :], sources, strict=True):
            values = [[found.pairs[source, i, name, None][measure].value for name in FLOORS] for i in found.layers]
            mesh = heat(panel, np.array(values), found.layers, list(FLOORS))
            panel.set_ylabel(f"layer of {WORDS[source]}", size=SMALL)
        scale_beside(figure, mesh, row.tolist(), WORDS[measure])
    figure.suptitle(f"Similarity of layers · {subject}", size=SMALL + 2, parse_math=False)
    save_svg(figure, path)


def heat(axes: Axes, values: np.ndarray, rows: Sequence[object], columns: Sequence[object]) -> QuadMesh:
    """From 0 to 1, the first row at the bottom, with numbers where they fit; a value that is not there is grey."""
    mesh = axes.pcolormesh(
        np.ma.masked_invalid(values), vmin=0, vmax=1, cmap="viridis", edgecolors="face", linewidth=0.2
    )
    axes.set_facecolor("#e4e4e4")
    if max(values.shape) <= NUMBERED:
        for (row, column), value in np.ndenumerate(values):
            if np.isfinite(value):
                colour = "black" if value > 0.6 else "white"
                place = column + 0.5, row + 0.5
                axes.text(*place, f"{value:z.2f}", size=SMALL - 2.5, ha="center", va="center", color=colour)
    for axis, names in ((axes.yaxis, rows), (axes.xaxis, columns)):
        step = max(1, len(names) // 12)
        axis.set_ticks(np.arange(0, len(names), step) + 0.5, [str(name) for name in names[::step]])
    turned = any(len(str(name)) > 3 for name in columns)
    axes.tick_params(labelsize=SMALL - 1, length=2)
    axes.tick_params(axis="x", rotation=90 if turned else 0)
    axes.set_aspect("equal")
    return mesh


def scale_beside(figure: Figure, mesh: QuadMesh, panels: Sequence[Axes], words: str) -> None:
    """The colours and their numbers, at the right of the panels that share them."""
    bar = figure.colorbar(mesh, ax=panels, fraction=0.05, pad=0.02, aspect=18)
    bar.ax.tick_params(labelsize=SMALL - 1, length=2)
    bar.set_label(words, size=SMALL)


def draw_depth(path: Path, found: Found, subject: str) -> None:
    """By layer: the model with its random twins, and these with each other, with 95 % intervals."""
    from matplotlib.figure import Figure

    places = [*((NUCLEOTIDES, measure) for measure in MEASURES), (MEANS, CKA)]
    panels = [place for place in places if place in found.twins]
    if not panels:
        return
    figure = Figure(figsize=(2.6 * len(panels) + 0.4, 2.5), layout="constrained")
    for axes, place in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        for kind, label in (("with", "model with random twins"), ("between", "between random twins")):
            by_layer = found.twins[place]
            intervals = [
                (own.with_twins() if kind == "with" else own.between_twins()).interval() for own in by_layer.values()
            ]
            layers, values = list(by_layer), [own.value for own in intervals]
            low, high = [own.low for own in intervals], [own.high for own in intervals]
            curve(axes, layers, values, low, high, COLOURS[kind], label)
        axes.set_title(f"{WORDS[place[1]]}\n{place[0]}", size=SMALL)
        axes.set_xlabel("layer", size=SMALL)
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.set_ylim(min(0, axes.get_ylim()[0]), 1.02)
        axes.tick_params(labelsize=SMALL)
    figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2, fontsize=SMALL)
    figure.suptitle(f"Model and random twins by layer · {subject}", size=SMALL + 2, parse_math=False)
    save_svg(figure, path)
