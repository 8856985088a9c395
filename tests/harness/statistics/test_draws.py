from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from harness.statistics.bootstrap import Estimate
from harness.statistics.draws import draws_table, read_draws
from harness.task import Place


def test_draws_come_back_and_keep_their_places(tmp_path: Path) -> None:
    draws = np.random.default_rng(0).normal(size=2000)
    draws[[3, 500]] = np.nan
    written = {
        Place("f1", "model"): Estimate(0.25, draws, 30),
        Place("f1", "kmer", 0, "test half"): Estimate(float("nan"), np.full(2000, np.nan), 4, "3 seeds"),
        Place("f1", "sae", 12): Estimate(0.5, -draws, 30),
    }
    path = tmp_path / "draws.parquet"
    draws_table(written).to_parquet(path, index=False)
    found = read_draws(path)
    assert list(found) == list(written)
    for place, estimate in written.items():
        own = found[place]
        np.testing.assert_array_equal(own.draws, estimate.draws.astype(np.float32))
        assert (own.n, own.note) == (estimate.n, estimate.note)
        np.testing.assert_equal(own.value, estimate.value)
    # a difference is paired: what is undefined on one side is undefined, and nothing moves up
    difference = found[Place("f1", "model")] - found[Place("f1", "sae", 12)]
    assert np.isnan(difference.draws).sum() == 2
    np.testing.assert_allclose(difference.draws, 2 * draws, rtol=1e-6)
    interval = difference.interval()
    expected = np.percentile(2 * draws[~np.isnan(draws)], [2.5, 97.5])
    np.testing.assert_allclose([interval.low, interval.high], expected, rtol=1e-6)


def test_another_table_is_no_table_of_draws(tmp_path: Path) -> None:
    pd.DataFrame({"item": ["a"]}).to_parquet(tmp_path / "items.parquet")
    with pytest.raises(ValueError, match="is not a table of draws"):
        read_draws(tmp_path / "items.parquet")
