"""Sources against families: every number again from scikit-learn and loops, and test never guides a choice."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import matthews_corrcoef, roc_auc_score

from harness.statistics.metrics import PREVALENCE
from tasks.sae.aggregate import MEAN, WINDOW
from tasks.sae.concepts.choice import split_half_score
from tasks.sae.sources.autoencoder import SaeSource
from tasks.sae_families.scores import (
    SourceScores,
    aggregation_scores,
    score_dense_probe,
    score_source,
    score_stable,
    score_subsample,
    select_score,
)
from tests.tasks.sae_families.scored import FAMILIES, ITEMS, SELECT, TEST, scored_source


@pytest.fixture(scope="module")
def source() -> SourceScores:
    return score_source([scored_source(seed=0), scored_source(seed=1)], ITEMS)


def test_weights_resample_sequences_within_their_family() -> None:
    assert ITEMS.weights.shape == (ITEMS.draws, len(TEST))
    for family in range(FAMILIES):
        own = ITEMS.weights[:, ITEMS.test_labels == family]
        assert (own.sum(axis=1) == own.shape[1]).all() and own.std() > 0


def test_the_chosen_feature_is_the_best_on_select_and_scored_on_test(source: SourceScores) -> None:
    for seed in source.seeds:
        for family in range(FAMILIES):
            fit, held = ITEMS.select_labels == family, ITEMS.test_labels == family
            aurocs = np.array([roc_auc_score(fit, column) for column in seed.scores.select.T])
            feature = int(np.argmax(np.abs(aurocs - 0.5)))
            sign = 1 if aurocs[feature] >= 0.5 else -1
            assert (seed.choice.feature[family], seed.choice.sign[family]) == (feature, sign)
            oriented = sign * seed.scores.test[:, feature]
            np.testing.assert_allclose(seed.oriented[:, family], oriented)
            assert seed.held_out.auroc[family] == pytest.approx(roc_auc_score(held, oriented))
            weight = np.where(held, PREVALENCE / held.sum(), (1 - PREVALENCE) / (~held).sum())
            called = oriented >= seed.choice.threshold[family]
            expected = matthews_corrcoef(held, called, sample_weight=weight)
            assert seed.held_out.mcc[family] == pytest.approx(expected)


def test_macro_scores_are_means_over_seeds_and_families(source: SourceScores) -> None:
    for name, estimate in (("auroc", source.macro.auroc), ("mcc", source.macro.mcc), ("f1", source.macro.f1)):
        assert estimate.value == pytest.approx(source.family_mean(name).mean())
        assert estimate.draws.shape == (ITEMS.draws,) and estimate.n == len(TEST)
    assert source.macro.auroc.value > 0.9
    covered = np.array([seed.held_out.covered for seed in source.seeds])
    np.testing.assert_allclose(source.coverage, covered.mean(axis=0))
    halves = [split_half_score(seed.scores.select, ITEMS.select_member) for seed in source.seeds]
    assert select_score(source, ITEMS) == pytest.approx(np.mean(halves))


def test_aggregations_are_scored_apart() -> None:
    entry = replace(scored_source(seed=0), always=(MEAN,))
    both, mean = (score_source([entry.scored_by(name)], ITEMS) for name in (WINDOW, MEAN))
    assert both.seeds[0].candidates == 2 * mean.seeds[0].candidates
    np.testing.assert_array_equal(both.seeds[0].scores.test[:, mean.seeds[0].candidates :], mean.seeds[0].scores.test)


def test_test_scores_and_labels_guide_no_choice(source: SourceScores) -> None:
    order = np.random.default_rng(3).permutation(len(TEST))
    shuffled = replace(ITEMS, test_labels=ITEMS.test_labels[order])
    entries = [scored_source(seed=0), scored_source(seed=1)]
    other = score_source(entries, shuffled)
    assert select_score(other, shuffled) == select_score(source, ITEMS)
    assert other.macro.auroc.value != source.macro.auroc.value
    for one, two in zip(source.seeds, other.seeds, strict=True):
        for name in ("feature", "sign", "threshold", "select_auroc", "select_mcc"):
            np.testing.assert_array_equal(getattr(one.choice, name), getattr(two.choice, name))
    means = entries[0].matrix(np.r_[SELECT, TEST], MEAN)
    probes = [score_dense_probe(means, items).seeds[0] for items in (ITEMS, shuffled)]
    np.testing.assert_array_equal(probes[0].choice.threshold, probes[1].choice.threshold)
    np.testing.assert_array_equal(probes[0].scores.test, probes[1].scores.test)


def test_a_subsample_holds_so_many_of_the_same_candidates(source: SourceScores) -> None:
    few = score_subsample(source, ITEMS, 5)
    assert (few.name, few.role) == (source.name, source.role)
    picks = []
    for whole, part in zip(source.seeds, few.seeds, strict=True):
        names = [part.scores.feature_name(k) for k in range(part.candidates)]
        assert part.candidates == 5 == len(set(names))
        picks.append(names)
        for k, name in enumerate(names):
            column = int(name.split()[1])
            np.testing.assert_array_equal(part.scores.test[:, k], whole.scores.test[:, column])
            np.testing.assert_array_equal(part.scores.select[:, k], whole.scores.select[:, column])
    assert picks[0] != picks[1]
    again = score_subsample(source, ITEMS, 5)
    assert again.macro.auroc.value == few.macro.auroc.value
    everything = score_subsample(source, ITEMS, 10_000)
    assert everything.macro.auroc.value == pytest.approx(source.macro.auroc.value)  # in another order


def test_a_dense_probe_tells_separable_families_apart() -> None:
    generator = np.random.default_rng(0)
    labels = np.r_[ITEMS.select_labels, ITEMS.test_labels]
    means = (10 * np.eye(FAMILIES)[labels] + generator.normal(size=(len(labels), FAMILIES))).astype(np.float32)
    probe = score_dense_probe(means, ITEMS)
    assert probe.role == "reference"
    assert probe.macro.auroc.value == 1 and probe.seeds[0].scores.feature_name(1) == f"probe of {ITEMS.families[1]}"
    noise = score_dense_probe(generator.normal(size=(len(labels), 4)).astype(np.float32), ITEMS)
    assert 0.3 < noise.macro.auroc.value < 0.7


def test_stable_features_alone_are_candidates_and_a_seed_without_any_has_no_score(source: SourceScores) -> None:
    stable = np.zeros((2, source.seeds[0].candidates), dtype=bool)
    stable[0, [1, 4, 9]] = stable[1, [2, 3]] = True
    found = score_stable(source, stable, ITEMS)
    assert found is not None and [seed.candidates for seed in found.seeds] == [3, 2]
    for number, (seed, whole) in enumerate(zip(found.seeds, source.seeds, strict=True)):
        kept = np.flatnonzero(stable[number])
        np.testing.assert_array_equal(seed.scores.test, whole.scores.test[:, kept])
        assert seed.scores.feature_name(1) == whole.scores.feature_name(int(kept[1]))
    stable[1] = False
    assert score_stable(source, stable, ITEMS) is None


def test_an_aggregation_is_worth_its_mean_over_sources_whatever_their_seeds() -> None:
    entries = [scored_source(seed=0), scored_source(seed=1)]
    lone = scored_source(seed=2)
    other = replace(lone, source=SaeSource(lone.source.autoencoder, "other"))  # type: ignore[attr-defined]
    found = aggregation_scores([*entries, other], ITEMS)
    assert set(found) == {MEAN, WINDOW}
    for name, worth in found.items():
        halves = [
            split_half_score(entry.matrix(ITEMS.select, name), ITEMS.select_member) for entry in (*entries, other)
        ]
        assert worth == pytest.approx((np.mean(halves[:2]) + halves[2]) / 2)
    shuffled = replace(ITEMS, test_labels=ITEMS.test_labels[::-1].copy())
    assert aggregation_scores([*entries, other], shuffled) == found
