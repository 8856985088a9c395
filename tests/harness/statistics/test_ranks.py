from __future__ import annotations

import numpy as np

from harness.statistics.bootstrap import Estimate, cluster_bootstrap_mean
from harness.statistics.ranks import rank_intervals


def _estimates(values: np.ndarray, draws: int = 1000) -> list[Estimate]:
    return [cluster_bootstrap_mean(row, range(values.shape[1]), draws) for row in values]


def test_identical_models_tie() -> None:
    row = np.random.default_rng(5).normal(size=50)
    ranks = rank_intervals(_estimates(np.stack([row, row, row])))
    assert ranks.low == (1, 1, 1)
    assert ranks.high == (3, 3, 3)
    assert ranks.groups == ((0, 1, 2),)
    assert ranks.label(0) == "1\N{EN DASH}3"


def test_clear_differences_separate_and_near_ones_share_a_group() -> None:
    generator = np.random.default_rng(6)
    base = generator.normal(size=(4, 200))
    ranks = rank_intervals(_estimates(base + np.array([[0.0], [5.0], [5.02], [9.0]])))
    assert ranks.low == (4, 2, 2, 1)
    assert ranks.high == (4, 3, 3, 1)
    assert ranks.label(3) == "1"
    assert [set(group) for group in ranks.groups] == [{3}, {1, 2}, {0}]
    assert 0 < ranks.detectable[1, 2] < 1
    assert (ranks.detectable == ranks.detectable.T).all()


def test_overlapping_groups_are_both_kept() -> None:
    draws = np.random.default_rng(7).normal(size=(3, 5000))
    values = [0.0, 2.5, 5.0]  # neighbours cannot be told apart, the ends can
    ranks = rank_intervals([Estimate(v, v + d, 10) for v, d in zip(values, draws, strict=True)])
    assert ranks.groups == ((2, 1), (1, 0))
    assert ranks.low == (2, 1, 1)
    assert ranks.high == (3, 3, 2)


def test_false_separations_stay_within_five_percent_for_all_pairs_together() -> None:
    generator, wrong = np.random.default_rng(8), 0
    for _ in range(200):
        ranks = rank_intervals(_estimates(generator.normal(size=(5, 80)), draws=400))
        wrong += ranks.low != (1,) * 5
    assert 0.01 <= wrong / 200 <= 0.09


def test_one_model_ranks_first() -> None:
    ranks = rank_intervals(_estimates(np.ones((1, 5))))
    assert (ranks.low, ranks.high, ranks.groups) == ((1,), (1,), ((0,),))


def test_draws_without_a_value_separate_nothing_and_spoil_nothing() -> None:
    draws = np.random.default_rng(9).normal(0, 0.1, (3, 1000))
    whole = [Estimate(v, v + d, 10) for v, d in zip([0.0, 1.0, 2.0], draws, strict=True)]
    holes = draws[1].copy()
    holes[::10] = np.nan
    ranks = rank_intervals([whole[0], Estimate(1.0, 1.0 + holes, 10), whole[2]])
    assert (ranks.low, ranks.high) == ((3, 2, 1), (3, 2, 1)) and np.isfinite(ranks.detectable).all()
    empty = rank_intervals([whole[0], Estimate(1.0, np.full(1000, np.nan), 10), whole[2]])
    assert (empty.low, empty.high) == ((2, 1, 1), (3, 3, 2))
    assert np.isinf(empty.detectable[1, [0, 2]]).all() and np.isfinite(empty.detectable[0, 2])
