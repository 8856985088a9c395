"""The picture that a cell of fitness leaves beside its record, as SVG with the same bytes for the same numbers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from harness.datasets.selection import by_hash
from harness.publish.pictures import save_svg
from tasks.fitness.data import Assay, Floats
from tasks.fitness.pairing import COMPENSATED, DISRUPTED, LOOP, OTHER, kinds

if TYPE_CHECKING:
    from matplotlib.collections import PathCollection

SMALL = 7
PANELS, COLUMNS = 9, 3
POINTS = 400
COLOURS = {DISRUPTED: "#c8553d", COMPENSATED: "#1f6f8b", LOOP: "#8a8a8a", OTHER: "#c9a227", None: "#1f6f8b"}


def draw_scores(
    path: Path,
    assays: Sequence[Assay],
    scores: Sequence[Floats],
    correlations: Sequence[float],
    name: str,
    subject: str,
) -> None:
    """Score against measured fitness, a panel per assay, coloured by what the mutations do to base pairs if known."""
    from matplotlib.figure import Figure

    shown = list(zip(assays, scores, correlations, strict=True))[:PANELS]
    columns = min(COLUMNS, len(shown))
    figure = Figure(figsize=(2.3 * columns + 0.4, 2.1 * -(-len(shown) // columns) + 0.6), layout="constrained")
    handles: dict[str | None, PathCollection] = {}
    for place, (assay, own, value) in enumerate(shown, start=1):
        axes = figure.add_subplot(-(-len(shown) // columns), columns, place)
        chosen = set(by_hash(record.id for record in assay.records)[:POINTS])
        drawn = np.array([record.id in chosen for record in assay.records])
        marks = np.array(kinds(assay), dtype=object)
        for kind, colour in COLOURS.items():
            members = drawn & np.array([mark == kind for mark in marks])
            if members.any():
                points = axes.scatter(assay.measured[members], own[members], s=5, color=colour, linewidths=0, alpha=0.7)
                handles.setdefault(kind, points)
        axes.set_title(f"{assay.name}: Spearman {value:.2f}", size=SMALL, parse_math=False)
        axes.tick_params(labelsize=SMALL - 1)
        if place > len(shown) - columns:
            axes.set_xlabel("measured fitness", size=SMALL)
    figure.supylabel(name, size=SMALL)
    if named := {kind: handle for kind, handle in handles.items() if kind is not None}:
        figure.legend(named.values(), named.keys(), loc="outside lower center", ncols=4, fontsize=SMALL, frameon=False)
    figure.suptitle(f"Score and measured fitness · {subject}", size=SMALL + 1, parse_math=False)
    save_svg(figure, path)
