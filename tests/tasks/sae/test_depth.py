"""Numbers by layer: made tables that rise or are flat, beside a slow correlation and resampling with loops."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import spearmanr

from harness.statistics.bootstrap import Estimate
from harness.task import Basis, Metric, TaskOutcome
from tasks.sae.concepts.membership import one_label_each
from tasks.sae.depth import MODEL, TWINS, AtLayer, Depth, Selectivities, over_pairs_of_seeds
from tasks.sae.depth_picture import draw_depth
from tests.tasks.sae_families.scored import ITEMS, scored_source

LAYERS = (0, 2, 3, 5, 8)
ITEMS_BEHIND = 40


def estimates(values: Sequence[float], spread: float, seed: int = 0) -> list[Estimate]:
    noise = spread * np.random.default_rng(seed).normal(size=(len(values), 500))
    return [Estimate(value, value + own, ITEMS_BEHIND) for value, own in zip(values, noise, strict=True)]


def made(
    model: Sequence[float], twins: Sequence[float], measure: str = "l0", spread: float = 0.01, concept: str = ""
) -> list[AtLayer]:
    return [
        AtLayer.of(measure, source, layer, estimate, concept, within=None)
        for source, values, seed in ((MODEL, model, 0), (TWINS, twins, 1))
        for layer, estimate in zip(LAYERS, estimates(values, spread, seed), strict=False)
    ]


def outcome_of(depth: Depth, activation: str = "relu") -> TaskOutcome:
    outcome = TaskOutcome(metrics={}, used=0, basis=Basis(item_set=""))
    depth.add_to(outcome, activation)
    return outcome


FALLING, RISING, FLAT = [9.0, 7.0, 5.0, 3.0, 1.0], [0.1, 0.2, 0.3, 0.4, 0.5], [4.0, 4.01, 3.995, 4.004, 3.99]


def test_a_table_that_falls_is_sparser_and_one_that_is_flat_covers_zero() -> None:
    numbers = [*made(FALLING, FLAT, spread=0.05), *made(RISING, RISING, "selectivity")]
    outcome = outcome_of(Depth(numbers, "auroc_macro", "mean AUROC"))
    trend = outcome.metrics["trend_l0"]
    assert (trend.value, trend.high, trend.n) == (-1, -1, ITEMS_BEHIND)
    assert outcome.metrics["trend_selectivity"].value == 1
    twins = {row.name: row for row in outcome.table if row.source == TWINS and row.layer is None}
    assert twins["trend_l0"].low < 0 < twins["trend_l0"].high
    assert "deeper is sparser: yes; deeper is more type-selective: yes (random twins too)" in outcome.notes
    assert set(outcome.metrics) == {"trend_l0", "trend_selectivity"}
    assert any("p 0.017; random twins" in note for note in outcome.notes)  # 2 of 120 orders


def test_a_flat_model_is_no_verdict_and_a_rising_one_the_reverse() -> None:
    told = [
        outcome_of(Depth(made(model, FALLING, spread=0.05), "auroc_macro", "")).notes[0]
        for model in (FLAT, FALLING[::-1])
    ]
    assert told[0].startswith("deeper is sparser: cannot be told from 5 layers (random twins too)")
    assert told[1].startswith("deeper is sparser: no, the reverse (random twins too)")


def test_an_activation_that_fixes_the_active_features_is_said() -> None:
    depth = Depth(made(FALLING, FLAT), "auroc_macro", "")
    for activation, said in (("batchtopk", True), ("topk", True), ("relu", False), ("jumprelu", False)):
        assert any("near k in training" in note for note in outcome_of(depth, activation).notes) == said


def test_the_interval_is_that_of_a_correlation_in_every_draw() -> None:
    numbers = made([0.3, 0.1, 0.4, 0.5, 0.45], FLAT, "fve", spread=0.1)
    (trend,) = outcome_of(Depth(numbers, "auroc_macro", "")).metrics.values()
    own = [number.estimate for number in numbers if number.source == MODEL]
    drawn = [spearmanr(LAYERS, column)[0] for column in np.stack([e.draws for e in own], axis=1)]
    assert (trend.low, trend.high) == pytest.approx(tuple(np.percentile(drawn, [2.5, 97.5])))
    assert trend.value == pytest.approx(spearmanr(LAYERS, [e.value for e in own])[0])


def test_few_layers_and_failed_ones_leave_no_trend() -> None:
    few = outcome_of(Depth(made(FALLING[:3], FLAT[:3]), "auroc_macro", ""))
    failed = outcome_of(Depth(made(FALLING, FLAT), "auroc_macro", "", failed=(0, 8)))
    for outcome in (few, failed):
        assert not outcome.metrics and len(outcome.tables["depth"]) in (6, 10)
        assert [note for note in outcome.notes if "no trend with depth can be tested on fewer than 4" in note]
    without = outcome_of(Depth(made([5, 9, 7, 6, 4], FLAT, spread=0.05), "auroc_macro", "", failed=(0,)))
    assert without.metrics["trend_l0"].value == -1  # of the other four


def test_failed_autoencoders_show_no_stability() -> None:
    shown = Metric(value=0.9, n=3)
    numbers = [
        AtLayer("stability", MODEL, layer, shown, estimate)
        for layer, estimate in zip(LAYERS, estimates(RISING, 0.1), strict=True)
    ]
    table = Depth(numbers, "auroc_macro", "", failed=(2,)).table()
    assert sorted(table["layer"]) == [0, 3, 5, 8]


@pytest.mark.parametrize("seeds", [2, 3, 5])
def test_stability_resamples_seeds_and_not_pairs(seeds: int) -> None:
    pairs = list(combinations(range(seeds), 2))
    shares = np.random.default_rng(seeds).random(len(pairs))
    found = over_pairs_of_seeds(shares, seeds)
    assert found.value == pytest.approx(shares.mean()) and found.n == seeds
    if seeds == 2:
        assert np.isnan(found.draws).all()
        return
    generator, drawn = np.random.default_rng(9), []
    for _ in range(4000):
        picked = generator.integers(seeds, size=seeds)
        values = [shares[pairs.index((min(a, b), max(a, b)))] for a, b in combinations(picked, 2) if a != b]
        drawn.append(np.mean(values) if values else np.nan)
    assert np.nanmean(found.draws) == pytest.approx(np.nanmean(drawn), abs=0.02)
    assert np.nanstd(found.draws) == pytest.approx(np.nanstd(drawn), abs=0.02)
    assert np.isnan(found.draws).mean() == pytest.approx(np.isnan(drawn).mean(), abs=0.03)


def test_selectivity_is_the_median_of_every_seed_and_follows_the_signal() -> None:
    numbers = Selectivities(ITEMS.weights, len(ITEMS.test))
    member = one_label_each(ITEMS.test_labels, 4)
    strengths = {1: 0.0, 4: 4.0}
    scores = {
        (layer, seed): scored_source(seed, signal).matrix(ITEMS.test)
        for layer, signal in strengths.items()
        for seed in (0, 1)
    }
    for (layer, _), own in scores.items():
        numbers.add(MODEL, layer, own, member, np.arange(len(ITEMS.test)))
    shallow, deep = numbers.by_layer()
    assert (shallow.layer, deep.layer, deep.metric.n) == (1, 4, len(ITEMS.test))
    taus = []
    for seed in (0, 1):
        own = scores[4, seed]
        means = np.array([own[ITEMS.test_labels == c].mean(axis=0) for c in range(4)])
        live = means.max(axis=0) > 0
        taus.append(np.median([(1 - column / column.max()).sum() / 3 for column in means[:, live].T]))
    assert deep.metric.value == pytest.approx(np.mean(taus))
    one = Selectivities(ITEMS.weights, len(ITEMS.test))
    one.add(MODEL, 1, scores[1, 0], member, np.arange(len(ITEMS.test)))
    (alone,) = one.by_layer()
    assert alone.estimate.draws.mean() == pytest.approx(alone.estimate.value)
    assert np.ptp(alone.estimate.draws) > 0


def test_the_picture_has_every_panel_and_is_the_same_for_the_same_numbers(tmp_path: Path) -> None:
    numbers = [
        *made(FALLING, FLAT),
        *made(RISING, RISING, "auroc_macro"),
        *(own for name in ("RF1", "RF2") for own in made(RISING, FLAT, "auroc", concept=name)),
    ]
    depth = Depth(numbers, "auroc_macro", "mean AUROC")
    texts = []
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        draw_depth(tmp_path / folder / "depth.svg", depth, "a-model · a-set")
        texts.append((tmp_path / folder / "depth.svg").read_text())
    assert texts[0] == texts[1]
    for said in (
        "a-model · a-set",
        "active features per nucleotide",
        "mean AUROC",
        "RF1",
        "RF2",
        "SAE of random twins",
    ):
        assert said in texts[0], said
    assert "variance explained" not in texts[0]  # which has no numbers here
