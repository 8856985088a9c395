"""The picture that a cell of sae-motifs leaves beside its record: motifs of features and what they match."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from harness.publish.pictures import save_svg
from tasks.sae_motifs.libraries import Library
from tasks.sae_motifs.tables import LETTERS

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

MOST = 6
# inches
WIDE, HIGH = 2.6, 1.3
SMALL, NORMAL = 6.5, 8


def draw_motifs(path: Path, logos: pd.DataFrame, claims: pd.DataFrame, library: Library, subject: str) -> None:
    """Of the first seed the six best matches: above the motif of the feature, below that of the library on the strand
    that was matched. No file where nothing matched.

    ``logos`` and ``claims``: as :mod:`tasks.sae_motifs.tables` makes them, ``logos`` of one layer.
    """
    import logomaker
    from matplotlib.figure import Figure

    if not len(logos):
        return
    seed, layer = int(logos["seed"].iloc[0]), int(logos["layer"].iloc[0])
    own = claims[(claims["source"] == "sae") & (claims["seed"] == seed) & (claims["layer"] == layer)]
    own = own[own["library"] == 0].sort_values("match_p", kind="stable")[:MOST]
    figure = Figure(figsize=(WIDE * len(own) if len(own) > 1 else 2 * WIDE, 2 * HIGH + 0.6), layout="constrained")
    figure.suptitle(
        f"Motifs of features (above) and their match in the library\n{subject}", size=NORMAL, parse_math=False
    )
    panels = figure.subplots(2, len(own), squeeze=False)
    known = {motif.id: motif for motif in library.motifs}

    def draw(axes: Axes, counts: pd.DataFrame, title: str) -> None:
        bits = logomaker.transform_matrix(counts, from_type="counts", to_type="information")
        if bits.to_numpy().any():  # it cannot draw letters that have no height
            logomaker.Logo(bits, ax=axes, color_scheme="classic")
        axes.set_ylim(0, 2)
        axes.set_title(title, size=SMALL)
        axes.tick_params(labelsize=SMALL - 1, length=2)
        axes.spines[["top", "right"]].set_visible(False)

    for (upper, lower), (_, claim) in zip(panels.T, own.iterrows(), strict=True):
        rows = logos[logos["feature"] == claim["feature"]].set_index("place")[list(LETTERS)].astype(float)
        held = f"AUROC {claim['auroc']:.2f}" if np.isfinite(claim["auroc"]) else "too few sites"
        draw(upper, rows, f"feature {claim['feature']}: {held}{', confirmed' if claim['confirmed'] else ''}")
        motif = known[claim["motif"]] if claim["strand"] > 0 else known[claim["motif"]].reverse_complement
        matrix = rows.iloc[:0].reindex(range(motif.width)).fillna(0.0)
        matrix[:] = motif.frequencies
        draw(lower, matrix, f"{claim['name']} ({claim['motif']}{', other strand' if claim['strand'] < 0 else ''})")
    panels[0, 0].set_ylabel("bits", size=SMALL)
    panels[1, 0].set_ylabel("bits", size=SMALL)
    save_svg(figure, path)
