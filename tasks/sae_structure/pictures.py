"""Pictures that a cell of sae-structure leaves beside its record, as SVG with the same bytes for the same numbers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from harness.publish.pictures import save_svg
from tasks.sae.depth_picture import SOURCES
from tasks.sae_structure.profiles import BINS, FLANK, LETTERS, PLACES

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SHOWN = ("sae", "sae-random-lm", "kmer")
COLUMNS = 4
SMALLEST = 0.05
"""Where the scale of a panel ends at least: rarer calls stay at its bottom."""
# inches
WIDE, HIGH = 2.6, 1.9
SMALL, NORMAL = 6.5, 8


def draw_profiles(path: Path, profiles: pd.DataFrame, subject: str) -> None:
    """Where along each element its feature is active, beside the features of random twins and the best k-mers.

    ``profiles``: as :func:`tasks.sae_structure.profiles.profile_table` gives them, of one layer.
    """
    elements = list(dict.fromkeys(profiles["element"]))
    title = "Share of nucleotides called along elements: 10 nt before, the element, 10 nt after"
    figure, panels = _panels(len(elements), title, subject)
    for axes, element in zip(panels, elements, strict=True):
        own = profiles[profiles["element"] == element]
        axes.axvspan(-0.5, BINS - 0.5, color="#eef3f9", linewidth=0)
        for source in SHOWN:
            label, colour = SOURCES[source]
            values = own[own["source"] == source]
            if len(values):
                axes.plot(PLACES, values["active"], color=colour, linewidth=1.2, label=label)
        axes.set_title(f"{element} ({int(own['elements'].iloc[0]):,})", size=NORMAL)
        axes.set_xticks([-FLANK, -0.5, BINS - 0.5, BINS + FLANK - 1], [f"−{FLANK}", "start", "end", f"+{FLANK}"])
        highest = own.loc[
            own["source"].isin(SHOWN), "active"
        ].max()  # a bulge is called at few nucleotides, a stem at many
        axes.set_ylim(0, max(SMALLEST, 1.1 * highest))
    panels[0].set_ylabel("share called", size=SMALL)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, fontsize=SMALL, frameon=False, loc="outside lower center", ncols=len(SHOWN))
    save_svg(figure, path)


def draw_logos(path: Path, logos: pd.DataFrame, subject: str) -> None:
    """Letters around the strongest activations of the feature of each element, in bits over letters that are even.

    ``logos``: as :func:`tasks.sae_structure.profiles.logo_table` gives them, of one layer.
    """
    import logomaker

    elements = list(dict.fromkeys(logos["element"]))
    figure, panels = _panels(
        len(elements), "Letters around the strongest activations, one per family or cluster", subject
    )
    for axes, element in zip(panels, elements, strict=True):
        own = logos[logos["element"] == element].set_index("place")[list(LETTERS)]
        sites = int(own.sum(axis=1).max())
        bits = logomaker.transform_matrix(own.astype(float), from_type="counts", to_type="information")
        if bits.to_numpy().any():  # it cannot draw letters that have no height
            logomaker.Logo(bits, ax=axes, color_scheme="classic")
        axes.set_title(f"{element} ({sites} sites)", size=NORMAL)
        axes.set_ylim(0, max(1.0, float(np.ceil(bits.sum(axis=1).max()))))
        axes.set_xticks([-FLANK, 0, FLANK])
    panels[0].set_ylabel("bits", size=SMALL)
    save_svg(figure, path)


def _panels(count: int, title: str, subject: str) -> tuple[Figure, list[Axes]]:
    from matplotlib.figure import Figure

    lines = -(-count // COLUMNS)
    columns = min(count, COLUMNS)
    figure = Figure(figsize=(max(WIDE * columns, 5.2), HIGH * lines + 0.5), layout="constrained")
    figure.suptitle(f"{title}\n{subject}", size=NORMAL + 1, parse_math=False)
    panels = list(figure.subplots(lines, columns, squeeze=False).flat)
    for empty in panels[count:]:
        empty.set_visible(False)
    for axes in panels[:count]:
        axes.tick_params(labelsize=SMALL, length=2)
        axes.spines[["top", "right"]].set_visible(False)
    return figure, panels[:count]
