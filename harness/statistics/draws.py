"""Bootstrap draws as a table next to a record, one row per estimate, and back."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from harness.statistics.bootstrap import Estimate
from harness.task import Place


def draws_table(estimates: Mapping[Place, Estimate]) -> pd.DataFrame:
    """Columns metric, source, layer, stratum, value, n, note, and draws: a list of float32, NaN kept in its place."""
    places = list(estimates)
    found = [estimates[place] for place in places]
    return pd.DataFrame(
        {
            "metric": [place.metric for place in places],
            "source": [place.source for place in places],
            "layer": pd.array([place.layer for place in places], dtype="Int64"),
            "stratum": [place.stratum for place in places],
            "value": np.array([estimate.value for estimate in found], dtype=np.float64),
            "n": np.array([estimate.n for estimate in found], dtype=np.int64),
            "note": [estimate.note for estimate in found],
            "draws": [estimate.draws.astype(np.float32) for estimate in found],
        }
    )


def read_draws(path: Path) -> dict[Place, Estimate]:
    """What :func:`draws_table` wrote; draws as float64.

    Raises:
        OSError: no such file.
        ValueError: the file is not such a table.
    """
    table = pd.read_parquet(path)
    try:
        return {
            Place(row["metric"], row["source"], None if pd.isna(row["layer"]) else int(row["layer"]), row["stratum"]): (
                Estimate(row["value"], np.asarray(row["draws"], dtype=np.float64), row["n"], row["note"])
            )
            for row in table.to_dict("records")
        }
    except (KeyError, TypeError) as error:
        raise ValueError(f"{path} is not a table of draws: {error}") from None
