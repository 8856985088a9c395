"""Intervals as metrics, against closed forms; they stay where their number can be, and few units have none."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm, t

from harness.adapter import ModelCard
from harness.datasets.records import DatasetCard
from harness.statistics.bootstrap import Estimate, Interval
from harness.task import Metric
from tasks.common import CORRELATION, SHARE, metric, over_families, over_seeds, subject, table_row, without_interval


def test_a_metric_holds_the_interval_and_what_is_no_number_has_no_value() -> None:
    found = metric(Interval(0.5, 0.4, 0.6, 12, "3 seeds"), "AUROC", None)
    assert found.model_dump() == {
        **{"value": 0.5, "low": 0.4, "high": 0.6, "n": 12, "unit": "AUROC", "higher_is_better": None}
    }
    empty = metric(Interval(float("nan"), float("-inf"), float("inf"), 12), within=SHARE)
    assert (empty.value, empty.low, empty.high) == (None, None, None)


@given(st.lists(st.floats(-3, 3), min_size=40, max_size=40), st.sampled_from([SHARE, CORRELATION]))
def test_cutting_the_ends_is_cutting_the_draws(draws: list[float], within: tuple[float, float]) -> None:
    """So that the interval covers what it covered: no true value lies where it was cut."""
    found = metric(Estimate(0.5, np.array(draws), 12), within=within)
    low, high = np.percentile(np.clip(draws, *within), [2.5, 97.5], method="inverted_cdf")
    assert within[0] <= found.low <= found.high <= within[1]
    plain = Estimate(0.5, np.array(draws), 12).interval()
    assert (found.low, found.high) == (np.clip(plain.low, *within), np.clip(plain.high, *within))
    row = table_row("auroc_macro", Estimate(0.5, np.array(draws), 12), "sae", within=within)
    assert (row.low, row.high) == (found.low, found.high) and low <= found.high and high >= found.low


def test_four_units_give_no_interval_and_a_note_says_so() -> None:
    draws = np.linspace(0.2, 0.8, 50)
    few, enough = (metric(Estimate(0.5, draws, count)) for count in (4, 5))
    assert (few.value, few.low, few.high, few.n) == (0.5, None, None, 4)
    assert enough.low is not None and enough.low < enough.value < enough.high
    found = {"few": few, "enough": enough, "unknown": metric(None), "own": Metric(value=1, low=0, high=2, n=3)}
    assert without_interval(found) == ["no interval where fewer than 5 units vary: few"]
    assert without_interval({"enough": enough}) == []


def test_seeds_that_agree_leave_no_spread_and_one_seed_has_none() -> None:
    agreed = over_seeds([2.0] * 3).interval()
    assert agreed.value == agreed.low == agreed.high == 2 and agreed.n == 3
    alone = metric(over_seeds([2.0]), "nats", None)
    assert (alone.value, alone.low, alone.high, alone.n, alone.unit) == (2, None, None, 1, "nats")
    assert metric(over_seeds([float("nan")])).value is metric(over_seeds([float("nan"), 1.0])).value is None


def test_two_seeds_spread_by_the_t_quantile() -> None:
    """A draw takes both seeds, or one of them twice (half of all draws): the interval ends at the stretched seeds."""
    found = over_seeds([1.0, 2.0]).interval()
    reach = np.sqrt(2) * t.ppf(0.975, 1) / norm.ppf(0.975) / 2
    assert found.value == 1.5
    assert (found.low, found.high) == (pytest.approx(1.5 - reach), pytest.approx(1.5 + reach))


def test_families_have_the_interval_of_a_mean() -> None:
    values = np.random.default_rng(0).normal(3, 2, size=400)
    found = metric(over_families(values), "AUROC", False)
    error = values.std() / np.sqrt(len(values))
    assert found.value == pytest.approx(values.mean()) and found.n == 400
    assert found.low == pytest.approx(values.mean() - 1.96 * error, abs=0.1 * error)
    assert found.high == pytest.approx(values.mean() + 1.96 * error, abs=0.1 * error)
    assert (found.unit, found.higher_is_better) == ("AUROC", False)


def test_a_family_without_a_score_makes_the_mean_unknown() -> None:
    assert metric(over_families([0.5, float("nan")] * 4)).value is None


def test_an_estimate_is_the_same_number_as_metric_and_as_row() -> None:
    draws = np.random.default_rng(0).normal(0.5, 0.1, 2000)
    draws[:3] = np.nan
    estimate = Estimate(0.5, draws, 30)
    low, high = np.percentile(draws[3:], [2.5, 97.5])
    own = metric(estimate, "F1")
    assert (own.low, own.high) == (pytest.approx(low), pytest.approx(high))
    row = table_row("f1", estimate, "model", 3, "short RNAs")
    assert (row.value, row.low, row.high, row.n) == (own.value, own.low, own.high, own.n)
    assert (row.source, row.layer, row.stratum, row.seed) == ("model", 3, "short RNAs", None)
    assert table_row("f1", own, "model") == table_row("f1", estimate, "model")
    assert metric(None, "F1").value is None and metric(None).n is None


def test_a_picture_says_what_it_is_of() -> None:
    card = ModelCard(name="nano", summary="", architecture="", capabilities=frozenset())
    assert subject(card, DatasetCard("pdb-rna", "")) == "nano · pdb-rna"
    assert subject(card, DatasetCard("made", "", simulated=True), 0) == "nano · made (simulated) · layer 0"
