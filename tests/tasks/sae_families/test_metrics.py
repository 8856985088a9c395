"""Intervals as metrics, against closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm, t
from tasks.sae_families.metrics import metric, over_families, over_seeds

from harness.statistics.bootstrap import Interval


def test_a_metric_holds_the_interval_and_what_is_no_number_has_no_value() -> None:
    found = metric(Interval(0.5, 0.4, 0.6, 12, "3 seeds"), "AUROC", None)
    assert found.model_dump() == {
        **{"value": 0.5, "low": 0.4, "high": 0.6, "n": 12, "unit": "AUROC", "higher_is_better": None}
    }
    empty = metric(Interval(float("nan"), float("-inf"), float("inf"), 0))
    assert (empty.value, empty.low, empty.high) == (None, None, None)


def test_seeds_that_agree_leave_no_spread_and_one_seed_has_none() -> None:
    agreed = over_seeds([2.0, 2.0, 2.0], "nats", None)
    assert agreed.value == agreed.low == agreed.high == 2
    assert (agreed.n, agreed.unit, agreed.higher_is_better) == (3, "nats", None)
    alone = over_seeds([2.0], "nats", None)
    assert (alone.value, alone.low, alone.high, alone.n, alone.unit) == (2, None, None, 1, "nats")
    assert over_seeds([float("nan")]).value is None and over_seeds([float("nan"), 1.0]).value is None


def test_two_seeds_spread_by_the_t_quantile() -> None:
    """A draw takes both seeds, or one of them twice (half of all draws): the interval ends at the stretched seeds."""
    found = over_seeds([1.0, 2.0])
    reach = np.sqrt(2) * t.ppf(0.975, 1) / norm.ppf(0.975) / 2
    assert found.value == 1.5
    assert (found.low, found.high) == (pytest.approx(1.5 - reach), pytest.approx(1.5 + reach))


def test_families_have_the_interval_of_a_mean() -> None:
    values = np.random.default_rng(0).normal(3, 2, size=400)
    found = over_families(values, "AUROC", False)
    error = values.std() / np.sqrt(len(values))
    assert found.value == pytest.approx(values.mean()) and found.n == 400
    assert found.low == pytest.approx(values.mean() - 1.96 * error, abs=0.1 * error)
    assert found.high == pytest.approx(values.mean() + 1.96 * error, abs=0.1 * error)
    assert (found.unit, found.higher_is_better) == ("AUROC", False)


def test_a_family_without_a_score_makes_the_mean_unknown() -> None:
    assert over_families([0.5, float("nan")]).value is None
