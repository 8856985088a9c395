"""Bootstrap draws as a table next to a record, one row per estimate, and back."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from pyarrow import ArrowInvalid, parquet

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
    try:
        table = parquet.ParquetFile(path).read(use_threads=False)  # read_table takes twice as long
        columns = [table.column(name).to_pylist() for name in ("metric", "source", "layer", "stratum")]
        values = table.column("value").to_numpy().tolist()  # NaN is written as a missing value
        told = [table.column(name).to_pylist() for name in ("n", "note")]
        drawn = table.column("draws").combine_chunks()
        flat, ends = drawn.values.to_numpy(zero_copy_only=False), drawn.offsets.to_numpy()
    except (KeyError, AttributeError, ArrowInvalid) as error:
        raise ValueError(f"{path} is not a table of draws: {error}") from None
    return {
        Place(*place): Estimate(value, flat[start:stop].astype(np.float64), n, note)
        for place, value, n, note, start, stop in zip(
            zip(*columns, strict=True), values, *told, ends[:-1], ends[1:], strict=True
        )
    }
