"""Pictures that a cell of structure-f1 leaves beside its record, as SVG with the same bytes for the same numbers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from harness.publish.pictures import save_svg
from tasks.structure_f1.data import Rna
from tasks.structure_f1.maps import Scores, positions
from tasks.structure_f1.selection import Choice

if TYPE_CHECKING:
    import pandas as pd

GREY = "#444444"
SMALL = 7


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


def draw_f1_by_length(path: Path, table: pd.DataFrame, subject: str) -> None:
    """F1 of every test RNA that has base pairs, against its length."""
    from matplotlib.figure import Figure

    paired = table[table["pairs"] > 0]
    figure = Figure(figsize=(4.2, 3), layout="constrained")
    axes = figure.add_subplot()
    axes.scatter(paired["length"], paired["f1"], s=10, color="#1f6f8b", alpha=0.6, linewidths=0)
    axes.set_ylim(-0.02, 1.02)
    axes.set_xlabel("length (nt)", size=SMALL)
    axes.set_ylabel("F1", size=SMALL)
    axes.tick_params(labelsize=SMALL)
    axes.set_title(f"F1 by length\n{subject}", size=SMALL + 1, parse_math=False)
    save_svg(figure, path)


def draw_contacts(
    path: Path, rnas: Sequence[Rna], scores: Sequence[Scores], chosen: Choice, table: pd.DataFrame, subject: str
) -> None:
    """The RNAs of best, middle and worst F1: known pairs above the diagonal, scores and predicted pairs below it."""
    from matplotlib.figure import Figure

    paired = table[table["pairs"] > 0]
    order = paired.sort_values("f1", ascending=False, kind="stable").index
    shown = list(dict.fromkeys([order[0], order[len(order) // 2], order[-1]]))
    figure = Figure(figsize=(3.2 * len(shown), 3.9), layout="constrained")
    for place, row in enumerate(shown, start=1):
        rna, own = rnas[row], scores[row]
        i, j = positions(rna.length)
        square = np.full((rna.length, rna.length), np.nan, dtype=np.float32)
        square[j, i] = own
        square[j[rna.inside], i[rna.inside]] = np.nan
        axes = figure.add_subplot(1, len(shown), place)
        axes.imshow(square, cmap="Greys", interpolation="none")
        dot = max(1.0, 400 / rna.length)
        predicted = chosen.predicted(own)
        axes.scatter(i[predicted], j[predicted], s=dot, color="#c8553d", linewidths=0, label="predicted")
        axes.scatter(j[rna.known], i[rna.known], s=dot, color="#1f6f8b", linewidths=0, label="known")
        axes.plot([0, rna.length - 1], [0, rna.length - 1], color=GREY, linewidth=0.5)
        axes.tick_params(labelsize=SMALL)
        axes.set_title(f"{rna.record.id}\nF1 {table.loc[row, 'f1']:.2f}", size=SMALL, parse_math=False)
    dots, labels = axes.get_legend_handles_labels()
    figure.legend(dots, labels, loc="outside lower center", ncols=2, fontsize=SMALL, markerscale=2, frameon=False)
    figure.suptitle(f"Known (above) and predicted pairs (below) · {subject}", size=SMALL + 1, parse_math=False)
    save_svg(figure, path)
