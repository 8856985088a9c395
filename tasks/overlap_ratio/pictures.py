"""Pictures that a cell of overlap-ratio leaves beside its record, as SVG with the same bytes for the same numbers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from harness.datasets.selection import by_hash
from harness.publish.pictures import save_svg
from tasks.overlap_ratio.data import ComparedFamilies
from tasks.overlap_ratio.density import Grid, overlap_ratio
from tasks.overlap_ratio.embeddings import Vectors
from tasks.overlap_ratio.intervals import ScoredPairs

SMALL = 7
HOMOLOGOUS, OTHERS = "#1f6f8b", "#c8553d"
FAMILIES_SHOWN = 20
POINTS_DRAWN = 400


def draw_densities(path: Path, variants: Mapping[str, ScoredPairs], subject: str) -> None:
    """The densities of homologous and other pairs, a panel per variant, with their overlap ratio."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(2.6 * len(variants) + 0.4, 2.5), layout="constrained")
    for place, (variant, scored) in enumerate(variants.items(), start=1):
        axes = figure.add_subplot(1, len(variants), place)
        grid = Grid.of(scored.homologous, scored.others)
        curves = []
        for which, (values, colour, label) in enumerate(
            ((scored.homologous, HOMOLOGOUS, "homologous"), (scored.others, OTHERS, "other"))
        ):
            density = grid.smooth(grid.masses(values), which) / grid.step
            drawn = slice(None, None, max(1, grid.points // POINTS_DRAWN))
            axes.fill_between(grid.centres[drawn], density[drawn], color=colour, alpha=0.4, linewidth=0)
            axes.plot(grid.centres[drawn], density[drawn], color=colour, linewidth=0.8, label=label)
            curves.append(density)
        axes.set_xlabel("similarity", size=SMALL)
        axes.set_yticks([])
        axes.tick_params(labelsize=SMALL)
        axes.set_title(f"{variant}: overlap ratio {overlap_ratio(*curves):.3f}", size=SMALL, parse_math=False)
        if place == 1:
            axes.legend(fontsize=SMALL, frameon=False)
    figure.suptitle(f"Similarity of pairs of sequences · {subject}", size=SMALL + 1, parse_math=False)
    save_svg(figure, path)


def draw_embedding(path: Path, units: Vectors, data: ComparedFamilies, names: Mapping[str, str], subject: str) -> None:
    """A t-SNE of the sequences of up to 20 families of the largest size kept, drawn by hash, coloured by family."""
    from matplotlib import colormaps
    from matplotlib.figure import Figure
    from sklearn.manifold import TSNE

    sizes = dict(zip(data.families, np.minimum(data.sizes, 10).tolist(), strict=True))
    shown = sorted(by_hash(data.families), key=lambda family: -sizes[family])[:FAMILIES_SHOWN]
    numbers = [data.families.index(family) for family in shown]
    rows = np.concatenate([np.flatnonzero(data.family == number)[:10] for number in numbers])
    perplexity = min(10.0, (len(rows) - 1) / 3)
    places = TSNE(perplexity=perplexity, metric="cosine", init="random", random_state=0).fit_transform(units[rows])
    figure = Figure(figsize=(5.2, 3.6), layout="constrained")
    axes = figure.add_subplot()
    for colour, (family, number) in enumerate(zip(shown, numbers, strict=True)):
        own = places[data.family[rows] == number]
        label = f"{names.get(family, '')} {family}".strip()
        axes.scatter(own[:, 0], own[:, 1], s=10, color=colormaps["tab20"](colour), linewidths=0, label=label)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_title(f"t-SNE of sequences by family\n{subject}", size=SMALL + 1, parse_math=False)
    legend = figure.legend(loc="outside right center", fontsize=SMALL - 1, frameon=False)
    for text in legend.get_texts():
        text.set_parse_math(False)
    save_svg(figure, path)
