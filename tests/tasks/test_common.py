"""Numbers of a record from estimates, against closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm, t

from harness.adapter import ModelCard
from harness.datasets.records import DatasetCard
from harness.statistics.bootstrap import Estimate, Interval
from tasks.common import metric, over_families, over_seeds, subject, table_row


def test_a_metric_holds_the_interval_and_what_is_no_number_has_no_value() -> None:
    found = metric(Interval(0.5, 0.4, 0.6, 12, "3 seeds"), "AUROC", None)
    assert found.model_dump() == {
        **{"value": 0.5, "low": 0.4, "high": 0.6, "n": 12, "unit": "AUROC", "higher_is_better": None}
    }
    empty = metric(Interval(float("nan"), float("-inf"), float("inf"), 0))
    assert (empty.value, empty.low, empty.high) == (None, None, None)


def test_seeds_that_agree_leave_no_spread_and_one_seed_has_none() -> None:
    agreed = metric(over_seeds([2.0, 2.0, 2.0]), "nats", None)
    assert agreed.value == agreed.low == agreed.high == 2
    assert (agreed.n, agreed.unit, agreed.higher_is_better) == (3, "nats", None)
    alone = metric(over_seeds([2.0]), "nats", None)
    assert (alone.value, alone.low, alone.high, alone.n, alone.unit) == (2, None, None, 1, "nats")
    assert metric(over_seeds([float("nan")])).value is None and metric(over_seeds([float("nan"), 1.0])).value is None


def test_two_seeds_spread_by_the_t_quantile() -> None:
    """A draw takes both seeds, or one of them twice (half of all draws): the interval ends at the stretched seeds."""
    found = metric(over_seeds([1.0, 2.0]))
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
    assert metric(over_families([0.5, float("nan")])).value is None


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
