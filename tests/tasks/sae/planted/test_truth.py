"""What is planted fires as often, and together, as the settings say."""

import numpy as np
import pytest
from pydantic import ValidationError

from tasks.sae.planted.truth import PlantedSettings, PlantedTruth

SMALL = PlantedSettings(width=32, features=64, active=4.0, groups=8, children=0.25)


def drawn(settings=SMALL, count=40_000):
    truth = PlantedTruth(settings)
    return truth, *truth.sample(count, np.random.default_rng(0))


def test_frequencies_follow_zipf_and_sum_to_the_active_features():
    truth, _, strength = drawn()
    assert truth.frequencies.sum() == pytest.approx(4)
    uncapped = truth.frequencies < 0.5
    ranks = np.arange(1, 65)[uncapped]
    slope = np.polyfit(np.log(ranks), np.log(truth.frequencies[uncapped]), 1)[0]
    assert slope == pytest.approx(-SMALL.zipf)
    assert truth.frequencies.max() <= 0.5
    np.testing.assert_allclose((strength > 0).mean(0), truth.frequencies, atol=0.01)


def test_states_are_sums_of_the_directions_that_fire():
    truth, x, strength = drawn(PlantedSettings(width=32, features=64, active=4.0, noise=0.0), 500)
    expected = np.array([sum(s * row for s, row in zip(code, truth.directions, strict=True)) for code in strength])
    np.testing.assert_allclose(x, expected + truth.offset, atol=1e-4)
    np.testing.assert_allclose(np.linalg.norm(truth.directions, axis=1), 1, rtol=1e-5)
    assert np.linalg.norm(truth.offset) == pytest.approx(1, rel=1e-5)


def test_children_fire_only_with_their_parents():
    truth, _, strength = drawn()
    children = np.flatnonzero(truth.parents >= 0)
    assert len(children) == 16
    assert (truth.parents[truth.parents[children]] == -1).all()
    for child in children:
        assert not (strength[:, child] > 0)[strength[:, truth.parents[child]] == 0].any()


def test_features_of_a_group_fire_together():
    settings = PlantedSettings(width=32, features=64, active=8.0, groups=8, children=0.0, zipf=0.0, correlation=0.5)
    _, _, strength = drawn(settings)
    correlation = np.corrcoef((strength > 0).T)
    group = np.arange(64) % 8
    same = (group[:, None] == group) & ~np.eye(64, dtype=bool)
    assert correlation[same].min() > 0.1
    assert np.abs(correlation[group[:, None] != group]).max() < 0.05


def test_the_truth_is_a_function_of_its_seed():
    first, again, other = (PlantedTruth(SMALL, seed) for seed in (0, 0, 1))
    assert np.array_equal(first.directions, again.directions) and not np.allclose(first.directions, other.directions)
    one, two = (truth.sample(50, np.random.default_rng(3))[0] for truth in (first, again))
    assert np.array_equal(one, two)


def test_more_active_features_than_can_fire_are_refused():
    with pytest.raises(ValidationError, match="plant more features"):
        PlantedSettings(features=10, active=5)
