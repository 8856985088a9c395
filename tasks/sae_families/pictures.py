"""Pictures that a cell of sae-families leaves beside its record, as SVG with the same bytes for the same numbers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from scipy.cluster.hierarchy import dendrogram, leaves_list, linkage
from scipy.spatial.distance import squareform

from harness.publish.pictures import save_svg
from tasks.sae.concepts.membership import Floats

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

# inches
CELL = 0.16
LETTER = 0.062
TREE = 1.6
MARGIN = 0.15
TITLE = 0.6
SCALE = 1.15

SMALL, NORMAL = 6.5, 8
GREY = "#444444"


def draw_similarity(path: Path, similarity: pd.DataFrame, names: Mapping[str, str], subject: str) -> None:
    """Heat map of a families by families similarity in [-1, 1], with the average-linkage tree on 1 - similarity.

    ``similarity`` has a column ``family`` and one column per family, as
    :func:`tasks.sae_families.tables.similarity_tables` gives it; ``names`` are readable names of families, and
    ``subject`` says in the title which model, dataset and layer this is.
    """
    from matplotlib.figure import Figure

    values = similarity.drop(columns="family").to_numpy()
    merges = linkage(squareform(1 - values, checks=False), "average", optimal_ordering=True)
    order = leaves_list(merges)
    labels = [f"{names[family]} {family}" if family in names else family for family in similarity["family"]]
    labels = [labels[k] for k in order]

    side = CELL * len(order)
    text = LETTER * max(map(len, labels)) + MARGIN
    below = max(text, SCALE)
    width = max(MARGIN + TREE + side + text, 1.2 * LETTER * len(subject) + 2 * MARGIN)
    height = below + side + TITLE
    figure = Figure(figsize=(width, height))

    def axes(left: float, bottom: float, wide: float, high: float) -> Axes:
        return figure.add_axes((left / width, bottom / height, wide / width, high / height))

    heat = axes(MARGIN + TREE, below, side, side)
    image = heat.imshow(values[np.ix_(order, order)], cmap="RdBu_r", vmin=-1, vmax=1, interpolation="none")
    ticks = range(len(order))
    heat.yaxis.tick_right()
    heat.set_xticks(ticks, labels, rotation=90, parse_math=False)
    heat.set_yticks(ticks, labels, parse_math=False)
    heat.tick_params(length=0, pad=2, labelsize=SMALL)
    heat.spines[:].set_visible(False)

    _draw_tree(axes(MARGIN, below, TREE - 0.05, side), merges)

    scale = axes(MARGIN + 0.1, below - 0.75, TREE - 0.35, 0.1)
    bar = figure.colorbar(image, cax=scale, orientation="horizontal", ticks=[-1, 0, 1])
    bar.set_label("similarity (cosine)", size=SMALL, color=GREY)
    bar.outline.set_visible(False)
    scale.tick_params(length=2, labelsize=SMALL)

    for line, down, size, colour in (
        ("Families that share features", 0.25, NORMAL + 2, "black"),
        (subject, 0.44, NORMAL, GREY),
    ):
        figure.text(MARGIN / width, 1 - down / height, line, size=size, color=colour, parse_math=False)
    save_svg(figure, path)


def _draw_tree(axes: Axes, merges: Floats) -> None:
    """Leaves lie at the middle of the rows of the heat map; the root is on the left."""
    tree = dendrogram(merges, no_plot=True)
    for place, distance in zip(tree["icoord"], tree["dcoord"], strict=True):
        axes.plot(distance, place, color=GREY, linewidth=0.7)
    # scipy puts leaves at 5, 15, 25, ...
    axes.set_ylim(10 * (len(merges) + 1), 0)
    axes.set_xlim(2, 0)
    axes.set_yticks([])
    axes.spines[["left", "top", "right"]].set_visible(False)
    axes.set_xticks([0, 1, 2])
    axes.tick_params(length=2, labelsize=SMALL)
    axes.set_xlabel("1 − similarity", size=SMALL, color=GREY, labelpad=1)
