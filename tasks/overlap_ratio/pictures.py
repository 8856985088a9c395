"""Pictures that a cell of overlap-ratio leaves beside its record, as SVG with the same bytes for the same numbers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from harness.datasets.selection import by_hash
from harness.publish.pictures import save_svg
from tasks.overlap_ratio.data import ComparedFamilies, Integers
from tasks.overlap_ratio.density import Grid, overlap_ratio
from tasks.overlap_ratio.embeddings import Vectors
from tasks.overlap_ratio.intervals import ScoredPairs

SMALL = 7
HOMOLOGOUS, OTHERS = "#1f6f8b", "#c8553d"
FAMILIES_SHOWN, SEQUENCES_SHOWN = 20, 30
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


def draw_families(path: Path, units: Vectors, data: ComparedFamilies, names: Mapping[str, str], subject: str) -> None:
    """A t-SNE of sequences of some families, coloured by family, with what it shows and what it does not.

    Families are those of the test half, where there are halves: the largest, at most 20, of equal ones the first by
    hash, with at most 30 sequences each.
    """
    from matplotlib import colormaps
    from matplotlib.figure import Figure
    from sklearn.manifold import TSNE

    apart = data.validation.any() and (~data.validation).sum() > 1
    sizes = dict(zip(data.families, np.minimum(data.sizes, SEQUENCES_SHOWN).tolist(), strict=True))
    kept = [family for family, own in zip(data.families, data.validation, strict=True) if not (apart and own)]
    shown = sorted(by_hash(kept), key=lambda family: -sizes[family])[:FAMILIES_SHOWN]
    numbers = [data.families.index(family) for family in shown]
    rows = np.concatenate([np.flatnonzero(data.family == number)[:SEQUENCES_SHOWN] for number in numbers])
    perplexity = min(10.0, (len(rows) - 1) / 3)
    places = TSNE(perplexity=perplexity, metric="cosine", init="random", random_state=0).fit_transform(units[rows])
    alike = [_nearest_alike(own, data.family[rows]) for own in (units[rows], places)]
    figure = Figure(figsize=(5.2, 4.2), layout="constrained")
    axes = figure.add_subplot()
    for colour, (family, number) in enumerate(zip(shown, numbers, strict=True)):
        own = places[data.family[rows] == number]
        label = f"{names.get(family, '')} {family}".strip()
        axes.scatter(own[:, 0], own[:, 1], s=10, color=colormaps["tab20"](colour), linewidths=0, label=label)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_title(f"t-SNE of sequences by family\n{subject}", size=SMALL + 1, parse_math=False)
    which = "of the test half, which chose no layer" if apart else "compared"
    caption = (
        f"{len(rows)} sequences of {len(shown)} families {which}. Near neighbours are mostly near in the embedding;\n"
        "gaps between groups, their sizes and the axes mean nothing, and a group need not be one in the embedding.\n"
        f"The nearest sequence is of the same family for {alike[0]:.0%} in the embedding, for {alike[1]:.0%} here."
    )
    figure.supxlabel(caption, size=SMALL - 1, parse_math=False)
    legend = figure.legend(loc="outside right center", fontsize=SMALL - 1, frameon=False)
    for text in legend.get_texts():
        text.set_parse_math(False)
    save_svg(figure, path)


def _nearest_alike(places: Vectors, family: Integers) -> float:
    """The share of places whose nearest other one is of the same family."""
    from sklearn.neighbors import NearestNeighbors

    nearest = NearestNeighbors(n_neighbors=1).fit(places).kneighbors(return_distance=False)[:, 0]
    return float((family[nearest] == family).mean())
