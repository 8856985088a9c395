"""The picture of a cell with several layers: its numbers by depth, and the score of every concept at every layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from harness.publish.pictures import curve, save_svg
from tasks.sae.depth import MODEL, TWINS, Depth

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

SOURCES: Mapping[str, tuple[str, str]] = {
    MODEL: ("SAE of the model", "#1f5fa8"),
    TWINS: ("SAE of random twins", "#b0b0b0"),
    "kmer": ("k-mers", "#d98b27"),
    "dense-probe": ("dense probe", "#3f8045"),
}
# inches
WIDE, HIGH, ROW = 2.2, 1.9, 0.16
SMALL, NORMAL = 6.5, 8


def draw_depth(path: Path, depth: Depth, subject: str) -> None:
    """A panel for every measure, and below them a heat map of the concepts for the model and for its random twins.

    ``subject`` says in the title which model and dataset this is.
    """
    from matplotlib.figure import Figure

    table = depth.table()
    layers = sorted(table["layer"].unique())
    whole, parts = table[table["concept"] == ""], table[table["concept"] != ""]
    shown = [(name, words) for name, words in depth.words.items() if whole["measure"].eq(name).any()]
    concepts = list(dict.fromkeys(parts["concept"]))
    maps = [source for source in (MODEL, TWINS) if parts["source"].eq(source).any()]
    heights = [HIGH, max(ROW * len(concepts) + 0.3, 1.0)]
    figure = Figure(figsize=(WIDE * len(shown), sum(heights) + 0.8), layout="constrained")
    figure.suptitle(f"Autoencoders by depth\n{subject}", size=NORMAL + 1, parse_math=False)
    above, below = figure.subfigures(2, 1, squeeze=False, height_ratios=heights).flat
    for axes, (name, words) in zip(above.subplots(1, len(shown), squeeze=False).flat, shown, strict=True):
        _panel(axes, whole[whole["measure"] == name], layers, words, name == depth.headline)
    panels = list(below.subplots(1, len(maps), squeeze=False).flat)
    for axes, source in zip(panels, maps, strict=True):
        image = _heat_map(axes, parts[parts["source"] == source], concepts, layers, SOURCES[source][0])
    bar = below.colorbar(image, ax=panels, fraction=0.02)
    bar.ax.tick_params(labelsize=SMALL, length=2)
    bar.set_label(depth.told.removeprefix("mean "), size=SMALL)
    save_svg(figure, path)


def _panel(axes: Axes, numbers: pd.DataFrame, layers: Sequence[int], title: str, with_legend: bool) -> None:
    """Lines of the sources with their intervals; layers stand side by side, whatever lies between them."""
    for source, (label, colour) in SOURCES.items():
        own = numbers[numbers["source"] == source].sort_values("layer")
        if len(own):
            places = [layers.index(layer) for layer in own["layer"]]
            values, low, high = (own[name].tolist() for name in ("value", "low", "high"))
            curve(axes, places, values, low, high, colour, label)
    axes.set_title(title, size=NORMAL, parse_math=False)
    _layers_below(axes, layers)
    axes.spines[["top", "right"]].set_visible(False)
    if with_legend:
        axes.legend(fontsize=SMALL - 1, frameon=False)


def _heat_map(axes: Axes, numbers: pd.DataFrame, concepts: Sequence[str], layers: Sequence[int], title: str) -> object:
    values = np.full((len(concepts), len(layers)), np.nan)
    for concept, layer, value in zip(numbers["concept"], numbers["layer"], numbers["value"], strict=True):
        values[concepts.index(concept), layers.index(layer)] = value
    image = axes.imshow(values, cmap="viridis", vmin=0, vmax=1, aspect="auto", interpolation="none")
    axes.set_yticks(range(len(concepts)), concepts, parse_math=False)
    axes.set_title(title, size=NORMAL)
    _layers_below(axes, layers)
    axes.spines[:].set_visible(False)
    return image


def _layers_below(axes: Axes, layers: Sequence[int]) -> None:
    step = -(-len(layers) // 14)
    axes.set_xticks(range(0, len(layers), step), [str(layer) for layer in layers[::step]])
    axes.set_xlabel("layer", size=SMALL)
    axes.tick_params(labelsize=SMALL, length=2)
