"""Means over assays and their draws, by number of mutations and for base pairs."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr

from harness.datasets.resolve import load_dataset
from tasks.fitness.data import Assay, Floats, prepare
from tasks.fitness.estimates import estimate
from tasks.fitness.settings import FitnessSettings
from tests.tasks.fitness.planted import PlantedModel
from tests.tasks.fitness.test_scores import assay_of, variants


@pytest.fixture(scope="module")
def assays() -> tuple[Assay, ...]:
    return prepare(load_dataset("hairpin-scans"), PlantedModel(), FitnessSettings()).assays


def columns(assays: tuple[Assay, ...]) -> list[dict[str, Floats]]:
    source = np.random.default_rng(0)
    return [{"a": own.measured + source.normal(size=len(own.measured)), "b": -own.measured} for own in assays]


def test_means_over_assays_and_strata(assays: tuple[Assay, ...]) -> None:
    scores = columns(assays)
    found = estimate(assays, scores, 200)
    by_hand: dict[str, list[float]] = {"all": [], "1 mutation": [], "2 mutations": []}
    for assay, own in zip(assays, scores, strict=True):
        for stratum, rows in (
            ("all", assay.counts > 0),
            ("1 mutation", assay.counts == 1),
            ("2 mutations", assay.counts == 2),
        ):
            by_hand[stratum].append(spearmanr(own["a"][rows], assay.measured[rows]).statistic)
    assert found.macro["a"].value == pytest.approx(np.mean(by_hand["all"])) and found.macro["a"].n == 6
    assert found.macro["b"].value == pytest.approx(-1) and found.pairing["b"].value == 0
    assert set(found.strata) == {"1 mutation", "2 mutations"}
    for stratum, sources in found.strata.items():
        assert sources["a"].value == pytest.approx(np.mean(by_hand[stratum]))
    for name, value in zip(found.per_assay, by_hand["all"], strict=True):
        own = found.per_assay[name]["a"]
        assert own.value == pytest.approx(value) and own.n == 120
        assert own.interval().low < value < own.interval().high


def test_intervals_are_over_assays_where_there_are_enough(assays: tuple[Assay, ...]) -> None:
    scores = columns(assays)
    values = np.array([own["a"].value for own in estimate(assays, scores, 200).per_assay.values()])
    draws = estimate(assays, scores, 2000).macro["a"].draws
    assert draws.std() == pytest.approx(values.std() / np.sqrt(6), rel=0.1)
    assert draws.min() >= values.min() and draws.max() <= values.max()


def test_intervals_are_over_variants_where_there_are_not(assays: tuple[Assay, ...]) -> None:
    few = estimate(assays[:2], columns(assays)[:2], 200)
    own = [few.per_assay[assay.name]["a"] for assay in assays[:2]]
    assert few.macro["a"].n == 240
    assert few.macro["a"].draws == pytest.approx((own[0].draws + own[1].draws) / 2)


def test_without_base_pairs_there_is_no_comparison_of_pairs() -> None:
    assay = assay_of(variants(2))
    found = estimate([assay], [{"a": assay.measured}], 100)
    assert found.pairing == {} and found.macro["a"].value == 1
