"""Spearman against scipy, with and without draws."""

from __future__ import annotations

import zlib

import numpy as np
import pytest
from scipy.stats import spearmanr

from harness.statistics.spearman import drawn, spearman


def columns(variants: int = 60, ties: int = 12) -> tuple[np.ndarray, np.ndarray]:
    source = np.random.default_rng(0)
    measured = source.normal(size=variants)
    return np.round((measured + source.normal(size=variants)) * ties / 6), measured


def test_is_scipy_s_with_ties() -> None:
    scores, measured = columns()
    assert len(set(scores.tolist())) < len(scores)
    assert spearman(scores, measured) == pytest.approx(spearmanr(scores, measured).statistic)
    assert spearman(-scores, measured) == pytest.approx(-spearman(scores, measured))


def test_every_draw_is_scipy_s_of_the_variants_drawn() -> None:
    scores, measured = columns(variants=30)
    found = drawn({"score": scores}, measured, "assay", 100)["score"]
    source = np.random.default_rng(zlib.crc32(b"assay"))
    for value in found.draws:
        counts = source.multinomial(30, np.full(30, 1 / 30))
        rows = np.repeat(np.arange(30), counts)
        assert value == pytest.approx(spearmanr(scores[rows], measured[rows]).statistic)
    assert found.n == 30 and found.value == spearman(scores, measured)


def test_draws_of_two_columns_are_paired() -> None:
    scores, measured = columns()
    found = drawn({"one": scores, "same": 3 * scores + 1, "other": -scores}, measured, "assay", 100)
    assert (found["one"] - found["same"]).draws == pytest.approx(np.zeros(100))
    assert found["other"].draws == pytest.approx(-found["one"].draws)


def test_equal_scores_rank_nothing_and_equal_measurements_have_no_value() -> None:
    _, measured = columns()
    assert spearman(np.full(60, -1.0), measured) == 0
    assert np.isnan(spearman(measured, np.full(60, 0.3)))


def test_blocks_do_not_change_the_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    scores, measured = columns()
    whole = drawn({"score": scores}, measured, "assay", 100)["score"].draws
    monkeypatch.setattr("harness.statistics.spearman._AT_ONCE", 7 * len(scores))
    assert drawn({"score": scores}, measured, "assay", 100)["score"].draws.tolist() == whole.tolist()


def test_the_interval_covers_the_truth() -> None:
    """Of correlated normals the rank correlation is 6 / pi asin(r / 2)."""
    truth, inside = 6 / np.pi * np.arcsin(0.25), 0
    for seed in range(100):
        source = np.random.default_rng(seed)
        first = source.normal(size=150)
        second = 0.5 * first + np.sqrt(0.75) * source.normal(size=150)
        interval = drawn({"score": first}, second, "assay", 200)["score"].interval()
        inside += interval.low <= truth <= interval.high
    assert 88 <= inside <= 100
