"""CKA against slow definitions, its null at any width, and its intervals."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from harness.statistics.bootstrap import cluster_weights
from tasks.similarity.cka import Kernel, cka, hsic
from tests.tasks.similarity import slow

Floats = NDArray[np.float64]


def normal(seed: int, rows: int, width: int) -> Floats:
    return np.random.default_rng(seed).normal(size=(rows, width))


def rotation(seed: int, width: int) -> Floats:
    return np.linalg.qr(normal(seed, width, width))[0]


def weights(rnas: int, draws: int = 200) -> Floats:
    return cluster_weights(range(rnas), draws)


def value(x: Floats, y: Floats, each: int = 1) -> float:
    first, second = (Kernel.of(states.astype(np.float32), each) for states in (x, y))
    return cka(first, second, weights(len(x) // each)).value


@pytest.mark.parametrize("width", [3, 400])
def test_one_nucleotide_of_each_rna_is_the_estimate_of_song(width: int) -> None:
    """Also where the width is over the number of items."""
    x = normal(0, 40, width)
    y = normal(1, 40, 7) + x[:, :1]
    assert value(x, y) == pytest.approx(slow.cka(x, y), abs=1e-5)


def test_pairs_within_an_rna_are_left_out() -> None:
    x, y = normal(0, 12, 5), normal(1, 12, 3)
    y[:, 0] += x[:, 1]
    rna = [place // 2 for place in range(12)]
    expected = slow.cka(x, y, slow.hsic_of_quadruples, rna)
    assert value(x, y, each=2) == pytest.approx(expected, abs=1e-5)


def test_the_estimates_without_an_rna_are_those_of_the_others() -> None:
    x, y = normal(0, 30, 5), normal(1, 30, 3) ** 2
    both = [Kernel.of(states.astype(np.float32), 3) for states in (x, y)]
    found = hsic(*both)
    assert len(found) == 11
    for rna in range(10):
        rest = np.delete(np.arange(10), rna)
        fewer = [kernel.of_rnas(rest) for kernel in both]
        assert found[1 + rna] == pytest.approx(hsic(*fewer)[0], abs=1e-6)


@pytest.mark.parametrize("width", [2, 30, 600])
def test_rotated_copies_are_one_and_independent_ones_about_zero_at_any_width(width: int) -> None:
    x = normal(0, 120, width)
    copy = 3 * x @ rotation(1, width) + 5
    assert value(x, copy) == pytest.approx(1, abs=1e-5)
    assert value(x, copy, each=4) == pytest.approx(1, abs=1e-5)
    nulls = [value(normal(seed, 60, width), normal(100 + seed, 60, width)) for seed in range(30)]
    assert abs(np.mean(nulls)) < 4 * np.std(nulls) / np.sqrt(30)
    assert np.abs(nulls).max() < 0.35


def test_independent_layers_that_are_alike_within_an_rna_are_zero_too() -> None:
    """The diagonal alone left out, they would seem nearly the same: what is not a pair of independent items."""

    def layers(seed: int) -> tuple[Floats, Floats]:
        return tuple(
            np.repeat(normal(seed + own, 20, 200), 8, axis=0) + 0.3 * normal(seed + own + 1, 160, 200)
            for own in (0, 500)
        )  # type: ignore[return-value]

    pairs = [layers(seed) for seed in range(12)]
    assert np.mean([slow.cka(x, y) for x, y in pairs]) > 0.5
    found = [value(x, y, each=8) for x, y in pairs]
    assert abs(np.mean(found)) < 4 * np.std(found) / np.sqrt(len(found))


def test_a_constant_layer_has_no_value() -> None:
    found = cka(
        Kernel.of(np.ones((10, 3), np.float32), 1), Kernel.of(normal(0, 10, 3).astype(np.float32), 1), weights(10)
    )
    assert np.isnan(found.value) and np.isnan(found.draws).all()


def test_intervals_cover_the_value_of_many_rnas() -> None:
    """RNAs of four nucleotides that share most of their state: of 95 % intervals 19 in 20 hold the value."""
    mixing = normal(7, 4, 6)

    def draw(seed: int, rnas: int) -> tuple[Floats, Floats]:
        generator = np.random.default_rng(seed)
        shared = np.repeat(generator.normal(size=(rnas, 4)), 4, axis=0) + 0.5 * generator.normal(size=(4 * rnas, 4))
        return shared, shared @ mixing + 2 * generator.normal(size=(4 * rnas, 6))

    many = [value(*draw(1000 + seed, 400), each=4) for seed in range(6)]
    truth, inside = np.mean(many), 0
    drawn = weights(50, 500)
    for seed in range(120):
        first, second = (Kernel.of(own.astype(np.float32), 4) for own in draw(seed, 50))
        interval = cka(first, second, drawn).interval()
        inside += interval.low <= truth <= interval.high
    assert 0.88 <= inside / 120 <= 0.99
