"""The picture of all heads that a cell of structure-f1 leaves beside its record."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from harness.publish.pictures import save_svg
from tasks.structure.pictures import SMALL

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
