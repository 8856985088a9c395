"""Example sequences of features with their activations, from ``large/examples.parquet`` beside a record.

Columns: ``layer``, ``seed``, ``feature``; ``quantile``, the upper end in (0, 1] of the part of the ranking by strongest
activation that the sequence was drawn from, or 0 for one without any; ``item``, ``family``, ``sequence``,
``structure`` (dot-bracket, or empty) and ``activations``, one float32 per nucleotide.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

LEVELS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
"""Activations are written as one of 62 letters a nucleotide, from nothing to the strongest of the feature."""


def example_pages(folder: Path, layer: int, most: int) -> dict[int, dict[str, Any]]:
    """By seed: the items, once each, and for every feature its examples; at most ``most`` examples of a seed.

    An example is [quantile, position among the items, strongest activation, activations as letters of LEVELS].
    Features without room are left out whole, the last of the table first. Empty where the cell left no examples.
    """
    import pandas as pd

    path = folder / "large" / "examples.parquet"
    if not path.is_file():
        return {}
    table = pd.read_parquet(path, filters=[("layer", "==", layer)])
    return {int(seed): _page(table[table["seed"] == seed], most) for seed in sorted(table["seed"].unique())}


def _page(table: pd.DataFrame, most: int) -> dict[str, Any]:
    import numpy as np

    items: dict[str, int] = {}
    described: list[list[str]] = []
    features: dict[str, list[list[Any]]] = {}
    room = most
    for feature in table["feature"].unique():
        part = table[table["feature"] == feature]
        room -= len(part)
        if room < 0:
            break
        strongest = max((float(np.max(row, initial=0)) for row in part["activations"]), default=0.0)
        shown = []
        for row in part.sort_values(["quantile", "item"], ascending=[False, True]).to_dict("records"):
            item = row["item"]
            if item not in items:
                items[item] = len(described)
                described.append([item, row["family"], row["sequence"], row["structure"]])
            activations = np.asarray(row["activations"], dtype=np.float32)
            peak = float(f"{np.max(activations, initial=0):.3g}")
            shown.append([round(float(row["quantile"]), 3), items[item], peak, levels(activations, strongest)])
        features[str(int(feature))] = shown
    return {"items": described, "features": features}


def levels(activations: NDArray[Any], strongest: float) -> str:
    """One letter of LEVELS per nucleotide; anything over 0 is at least the second letter."""
    import numpy as np

    steps = np.ceil(np.clip(activations / (strongest or 1), 0, 1) * (len(LEVELS) - 1)).astype(int)
    return "".join(LEVELS[step] for step in np.maximum(steps, activations > 0))
