"""Heads against other implementations, in rotated spaces, and with one example fewer than they need."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import ortho_group
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import NearestCentroid

from tasks.probe_families import heads
from tasks.probe_families.heads import CENTROID, LOGISTIC, PENALTIES, Scale, logistic, lookup, nearest_centroid

LABELS = np.arange(24) % 3


def sample(seed: int, width: int = 5, spread: float = 1.0) -> np.ndarray:
    generator = np.random.default_rng(seed)
    centres = np.random.default_rng(0).normal(size=(3, width))
    return (centres[LABELS] + spread * generator.normal(size=(24, width))).astype(np.float32)


def predictions(train: np.ndarray, asked: np.ndarray) -> dict[str, np.ndarray]:
    scale = Scale.of(train)
    own, other = scale(train), scale(asked)
    found = {f"{LOGISTIC} {penalty}": logistic(own, LABELS, [other], penalty)[0] for penalty in PENALTIES}
    return found | {CENTROID: nearest_centroid(own, LABELS, other, 3)}


@pytest.mark.parametrize("width", [5, 40])
def test_heads_see_no_rotation_no_shift_and_no_common_scale(width: int) -> None:
    train, asked = sample(1, width), sample(2, width)
    turn = ortho_group.rvs(width, random_state=0)
    moved = [((own @ turn) * 37 + 5).astype(np.float64) for own in (train, asked)]
    plain, turned = predictions(train, asked), predictions(*moved)
    for name, own in plain.items():
        np.testing.assert_array_equal(own, turned[name], err_msg=name)
    # one dimension on another scale is no rotation
    stretched = [own * np.array([30] + [1] * (width - 1)) for own in (train, asked)]
    assert (predictions(*stretched)[CENTROID] != plain[CENTROID]).any()


def test_the_nearest_centroid_is_that_of_another_implementation() -> None:
    train, asked = sample(1).astype(float), sample(2).astype(float)
    expected = NearestCentroid().fit(train, LABELS).predict(asked)
    np.testing.assert_array_equal(nearest_centroid(train, LABELS, asked, 3), expected)


@pytest.mark.parametrize("penalty", PENALTIES)
def test_the_span_of_the_examples_holds_the_regression(penalty: float) -> None:
    """40 dimensions and 24 examples: as fitted in all dimensions."""
    train, asked = (Scale.of(sample(1, 40))(sample(seed, 40)) for seed in (1, 2))
    expected = LogisticRegression(C=penalty, max_iter=5000, tol=1e-8).fit(train, LABELS).predict(asked)
    assert (logistic(train, LABELS, [asked], penalty)[0] == expected).mean() > 0.95


@pytest.mark.parametrize("modes", [2, 5])
def test_a_head_that_needs_exactly_as_many_examples_as_a_family_has_modes(modes: int) -> None:
    """A mode without an example leans to the other family; with all modes seen, every sequence is right."""
    axes = np.eye(2 * modes).reshape(2, modes, -1)
    asked = np.concatenate([axes[0] + 0.5 * axes[1, :1], axes[1] + 0.5 * axes[0, :1]])
    truth = np.repeat([0, 1], modes)
    for count in (modes - 1, modes):
        train, labels = np.concatenate([axes[0, :count], axes[1, :count]]), np.repeat([0, 1], count)
        scale = Scale.of(train.astype(np.float32))
        own, other = scale(train), scale(asked)
        expected = np.tile(np.arange(modes) < count, 2)
        np.testing.assert_array_equal(nearest_centroid(own, labels, other, 2) == truth, expected)
        np.testing.assert_array_equal(logistic(own, labels, [other], 100.0)[0] == truth, expected)


def test_lookup_finds_the_greatest_identity(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(0)
    train = ["".join(generator.choice(list("ACGU"), size)) for size in (30, 28, 33, 30)]
    labels = np.array([2, 0, 1, 2])
    asked = [train[2][:10] + "A" + train[2][11:], train[1][3:], train[0] + "GG"]
    np.testing.assert_array_equal(lookup(train, labels, asked), [1, 0, 2])

    def distance(first: str, second: str) -> int:
        row = list(range(len(second) + 1))
        for i, letter in enumerate(first, 1):
            previous, row[0] = row[0], i
            for j, other in enumerate(second, 1):
                previous, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, previous + (letter != other))
        return row[-1]

    strangers = ["".join(generator.choice(list("ACGU"), 30)) for _ in range(5)]
    for own, found in zip(strangers, lookup(train, np.arange(4), strangers), strict=True):
        alike = [1 - distance(own, other) / max(len(own), len(other)) for other in train]
        assert alike[found] == pytest.approx(max(alike))
    monkeypatch.setattr(heads, "CANDIDATES", 1)
    np.testing.assert_array_equal(lookup(train, labels, asked), [1, 0, 2])
