"""Pictures of scored base pairs that a cell leaves beside its record: SVG, the same bytes for the same numbers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from harness.publish.pictures import save_svg
from tasks.structure.data import Rna
from tasks.structure.maps import Scores, positions
from tasks.structure.selection import Choice

if TYPE_CHECKING:
    import pandas as pd

GREY = "#444444"
SMALL = 7


def draw_f1_by_length(path: Path, table: pd.DataFrame, subject: str, unit: str = "nt") -> None:
    """F1 of every test RNA that has base pairs, against its length."""
    from matplotlib.figure import Figure

    paired = table[table["pairs"] > 0]
    figure = Figure(figsize=(4.2, 3), layout="constrained")
    axes = figure.add_subplot()
    axes.scatter(paired["length"], paired["f1"], s=10, color="#1f6f8b", alpha=0.6, linewidths=0)
    axes.set_ylim(-0.02, 1.02)
    axes.set_xlabel(f"length ({unit})", size=SMALL)
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
        square[j[rna.uncounted], i[rna.uncounted]] = np.nan
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
