"""The pictures of a cell of structure-f1: all heads, and F1 against homologs for models that read alignments."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from harness.publish.pictures import save_svg
from tasks.structure.pictures import GREY, SMALL
from tasks.structure_f1.homologs import COLUMN, FEW, MANY, Line

if TYPE_CHECKING:
    import pandas as pd


def draw_heads(path: Path, heads: pd.DataFrame, subject: str) -> None:
    """Layers down, heads across: the best validation F1 of every head; the chosen one is framed."""
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle

    layers, numbers = sorted(set(heads["layer"])), range(int(heads["head"].max()) + 1)
    values = heads.pivot(index="layer", columns="head", values="f1_validation").to_numpy()
    figure = Figure(figsize=(2.4 + 0.22 * len(numbers), 1.6 + 0.22 * len(layers)), layout="constrained")
    axes = figure.add_subplot()
    image = axes.imshow(values, cmap="viridis", vmin=0, interpolation="nearest", aspect="auto")
    row, column = np.unravel_index(np.nanargmax(values), values.shape)
    axes.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, fill=False, edgecolor="red", linewidth=1.5))
    axes.set_xticks(numbers, [str(number) for number in numbers])
    axes.set_yticks(range(len(layers)), [str(layer) for layer in layers])
    axes.set_xlabel("head", size=SMALL)
    axes.set_ylabel("layer", size=SMALL)
    axes.tick_params(length=0, labelsize=SMALL)
    axes.set_title(f"Pooled F1 on validation\n{subject}", size=SMALL + 1, parse_math=False)
    figure.colorbar(image).ax.tick_params(labelsize=SMALL)
    save_svg(figure, path)


def draw_f1_by_homologs(path: Path, table: pd.DataFrame, line: Line, subject: str) -> None:
    """F1 of every test RNA that has base pairs against its Neff, with the fitted line and its 95 % interval."""
    from matplotlib.figure import Figure

    paired = table[table["pairs"] > 0]
    figure = Figure(figsize=(4.2, 3), layout="constrained")
    axes = figure.add_subplot()
    axes.scatter(paired[COLUMN], paired["f1"], s=10, color="#1f6f8b", alpha=0.6, linewidths=0)
    places = np.geomspace(line.low, line.high, 50)
    fitted = [line.at(place).interval() for place in places]
    axes.plot(places, [own.value for own in fitted], color="#c8553d", linewidth=1)
    axes.fill_between(
        places, [own.low for own in fitted], [own.high for own in fitted], color="#c8553d", alpha=0.2, linewidth=0
    )
    for limit in (FEW, MANY):
        axes.axvline(limit, color=GREY, linewidth=0.5, linestyle=":")
    axes.set_xscale("log")
    axes.set_ylim(-0.02, 1.02)
    axes.set_xlabel("effective homologs (Neff)", size=SMALL)
    axes.set_ylabel("F1", size=SMALL)
    axes.tick_params(labelsize=SMALL)
    axes.set_title(f"F1 by effective homologs\n{subject}", size=SMALL + 1, parse_math=False)
    save_svg(figure, path)
