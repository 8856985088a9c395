from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import false_discovery_control, fisher_exact
from sklearn import metrics

from harness.statistics.metrics import PREVALENCE
from tasks.sae.concepts import choice
from tasks.sae.concepts.choice import best_threshold, null_of_maximum, rank_auroc, select_features, split_half_score
from tasks.sae.concepts.membership import one_label_each

CONCEPTS = 48


def labelled(concepts: int = CONCEPTS, each: int = 10) -> np.ndarray:
    return one_label_each(np.repeat(np.arange(concepts), each), concepts)


def noise(features: int, seed: int, concepts: int = CONCEPTS) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(10 * concepts, features))


def sparse_noise(generator: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    return np.maximum(generator.normal(size=shape) - 0.5, 0).round(1)


def weights_of(positive: np.ndarray, prevalence: float) -> np.ndarray:
    return np.where(positive, prevalence / positive.sum(), (1 - prevalence) / (~positive).sum())


def test_rank_auroc_is_scikit_learns_for_every_feature_and_concept():
    generator = np.random.default_rng(0)
    scores, labels = sparse_noise(generator, (60, 15)), generator.integers(0, 4, 60)
    got = rank_auroc(scores, one_label_each(labels, 4))
    assert got.shape == (4, 15)
    for c in range(4):
        for j in range(15):
            assert got[c, j] == pytest.approx(metrics.roc_auc_score(labels == c, scores[:, j]))


@settings(max_examples=30)
@given(st.integers(0, 10_000))
def test_rank_auroc_laws(seed):
    generator = np.random.default_rng(seed)
    scores, labels = sparse_noise(generator, (20, 3)), one_label_each(np.arange(20) % 2, 2)
    auroc = rank_auroc(scores, labels)
    assert rank_auroc(np.exp(scores) * 3 - 7, labels) == pytest.approx(auroc)
    assert rank_auroc(-scores, labels) == pytest.approx(1 - auroc)
    assert auroc[0] == pytest.approx(1 - auroc[1])


def test_rank_auroc_of_an_absent_concept_is_nan():
    auroc = rank_auroc(np.arange(4.0)[:, None], one_label_each([0, 0, 2, 2], 3))
    assert np.isnan(auroc[1, 0])
    assert auroc[[0, 2], 0].tolist() == [0, 1]


def slow_best_mcc(scores: np.ndarray, positive: np.ndarray, prevalence: float) -> float:
    weights = weights_of(positive, prevalence)
    cuts = np.unique(scores)
    return max(metrics.matthews_corrcoef(positive, scores >= cut, sample_weight=weights) for cut in cuts)


@settings(max_examples=40)
@given(st.integers(0, 10_000))
def test_best_threshold_reaches_the_best_mcc_of_all_cuts(seed):
    generator = np.random.default_rng(seed)
    scores, positive = sparse_noise(generator, (30, 1))[:, 0], np.arange(30) < 6
    cut, mcc = best_threshold(scores, positive, 0.1)
    assert mcc == pytest.approx(slow_best_mcc(scores, positive, 0.1))
    weights = weights_of(positive, 0.1)
    assert metrics.matthews_corrcoef(positive, scores >= cut, sample_weight=weights) == pytest.approx(mcc)


def test_best_threshold_lies_between_scores_even_neighbouring_floats():
    assert best_threshold(np.array([0.0, 0, 2, 4]), np.array([False, False, True, True])) == (1.0, pytest.approx(1))
    low, high = 1.0, np.nextafter(1.0, 2)
    cut, _ = best_threshold(np.array([low, high]), np.array([False, True]))
    assert low < cut <= high


def test_select_features_against_a_slow_search():
    generator = np.random.default_rng(1)
    scores, labels = sparse_noise(generator, (40, 30)), np.repeat(np.arange(4), 10)
    scores[labels == 2, 7] -= 3
    chosen = select_features(scores, one_label_each(labels, 4))
    for c in range(4):
        auroc = [metrics.roc_auc_score(labels == c, scores[:, j]) for j in range(30)]
        best = int(np.argmax(np.abs(np.array(auroc) - 0.5)))
        sign = 1 if auroc[best] >= 0.5 else -1
        assert (chosen.feature[c], chosen.sign[c]) == (best, sign)
        assert chosen.select_auroc[c] == pytest.approx(max(auroc[best], 1 - auroc[best]))
        oriented = sign * scores[:, best]
        assert chosen.select_mcc[c] == pytest.approx(slow_best_mcc(oriented, labels == c, PREVALENCE))
        assert (chosen.oriented(scores)[:, c] == oriented).all()
    assert (chosen.feature[2], chosen.sign[2]) == (7, -1)


def test_held_out_scores_against_weighted_scikit_learn():
    generator = np.random.default_rng(2)
    labels = np.repeat(np.arange(5), [6, 9, 10, 12, 8])
    planted = 1.5 * np.eye(5)[labels] @ np.eye(5, 20)
    select, test = (sparse_noise(generator, (45, 20)) + planted for _ in range(2))
    chosen = select_features(select, one_label_each(labels, 5))
    got = choice.held_out_scores(chosen, test, one_label_each(labels, 5))
    p_values = []
    for c in range(5):
        positive, oriented = labels == c, chosen.sign[c] * test[:, chosen.feature[c]]
        called, weights = oriented >= chosen.threshold[c], weights_of(positive, PREVALENCE)
        assert got.auroc[c] == pytest.approx(metrics.roc_auc_score(positive, oriented))
        assert got.mcc[c] == pytest.approx(metrics.matthews_corrcoef(positive, called, sample_weight=weights))
        assert got.f1[c] == pytest.approx(metrics.f1_score(positive, called, sample_weight=weights))
        assert got.precision[c] == pytest.approx(metrics.precision_score(positive, called, sample_weight=weights))
        expected = sum(
            weights[(oriented == v) & positive].sum()
            * weights[(oriented >= v) & positive].sum()
            / weights[oriented >= v].sum()
            for v in np.unique(oriented)
        )
        assert got.average_precision[c] == pytest.approx(expected / PREVALENCE)
        table = [
            [(called & positive).sum(), (called & ~positive).sum()],
            [(~called & positive).sum(), (~called & ~positive).sum()],
        ]
        p_values.append(fisher_exact(table, alternative="greater").pvalue)
        assert got.true_positive_rate[c] == pytest.approx(called[positive].mean())
        assert got.false_positive_rate[c] == pytest.approx(called[~positive].mean())
    assert got.p == pytest.approx(p_values)
    assert got.q == pytest.approx(false_discovery_control(p_values))
    covered = [got.f1[c] >= 0.5 and got.q[c] < 0.05 for c in range(5)]
    assert got.covered.tolist() == covered
    assert got.coverage == pytest.approx(np.mean(covered))
    assert got.coverage > 0


def test_prevalence_of_the_data_does_not_move_mcc():
    scores, labels = np.array([[3.0], [1], [2], [0]]), one_label_each([0, 0, 1, 1], 2)
    chosen = select_features(scores, labels)
    few = choice.held_out_scores(chosen, scores, labels)
    many = choice.held_out_scores(
        chosen, np.repeat(scores, [1, 1, 9, 9], axis=0), np.repeat(labels, [1, 1, 9, 9], axis=0)
    )
    for name in ("auroc", "mcc", "f1", "average_precision", "precision"):
        assert getattr(many, name) == pytest.approx(getattr(few, name))


def test_held_out_scores_refuses_a_concept_without_items():
    chosen = select_features(noise(3, 0, 2), labelled(2))
    with pytest.raises(ValueError, match="test items"):
        choice.held_out_scores(chosen, np.zeros((4, 3)), one_label_each([0, 0, 0, 0], 2))


def test_always_on_feature_has_precision_equal_to_prevalence():
    scores = np.full((40, 1), 2.5)
    chosen = select_features(scores, labelled(4))
    got = choice.held_out_scores(chosen, scores, labelled(4))
    assert got.precision == pytest.approx([PREVALENCE] * 4)
    assert got.mcc.tolist() == [0] * 4
    assert got.auroc.tolist() == [0.5] * 4
    assert got.p.tolist() == [1] * 4
    assert got.coverage == 0


def test_planted_features_are_found_and_cover():
    labels = np.repeat(np.arange(6), 10)
    select, test = noise(100, 3, 6), noise(100, 4, 6)
    for c in range(6):
        select[labels == c, 10 + c] += 12 * (-1) ** c
        test[labels == c, 10 + c] += 12 * (-1) ** c
    chosen = select_features(select, labelled(6))
    assert chosen.feature.tolist() == [10, 11, 12, 13, 14, 15]
    assert chosen.sign.tolist() == [1, -1, 1, -1, 1, -1]
    assert choice.held_out_scores(chosen, test, labelled(6)).coverage == 1


def test_shuffled_labels_give_mcc_about_zero():
    select, test = noise(300, 5), noise(300, 6)
    planted = 4 * labelled() @ np.eye(CONCEPTS, 300)
    shuffled = np.random.default_rng(7).permutation(labelled())
    chosen = select_features(select + planted, shuffled)
    got = choice.held_out_scores(chosen, test + planted, labelled())
    assert abs(got.mcc.mean()) < 0.05
    assert (
        choice.held_out_scores(select_features(select + planted, labelled()), test + planted, labelled()).mcc.mean()
        > 0.5
    )


def test_noise_looks_good_on_select_and_is_chance_on_test_at_any_width():
    narrow, wide = (select_features(noise(m, 8), labelled()) for m in (64, 4096))
    middle = select_features(noise(640, 9), labelled())
    assert middle.select_auroc.mean() == pytest.approx(0.79, abs=0.02)
    assert wide.select_auroc.mean() > narrow.select_auroc.mean() + 0.08
    for chosen, width in ((narrow, 64), (middle, 640), (wide, 4096)):
        got = choice.held_out_scores(chosen, noise(width, 10), labelled())
        assert got.auroc.mean() == pytest.approx(0.5, abs=0.05)  # standard error 0.013
        assert got.mcc.mean() == pytest.approx(0, abs=0.03)
        assert got.coverage == 0


def test_null_of_maximum_is_what_noise_reaches():
    scores = noise(640, 11)
    null = null_of_maximum(scores, labelled(), permutations=150, seed=1)
    assert null.shape == (150, CONCEPTS)
    reached = select_features(scores, labelled()).select_auroc
    assert null.mean() == pytest.approx(reached.mean(), abs=0.01)
    assert null[:, 0].std() == pytest.approx(reached.std(), rel=0.5)


def test_null_of_maximum_against_a_loop():
    generator = np.random.default_rng(12)
    scores, labels = sparse_noise(generator, (30, 8)), one_label_each(np.repeat([0, 1], [10, 20]), 2)
    null = null_of_maximum(scores, labels, permutations=400, seed=2)
    slow = []
    for _ in range(400):
        auroc = rank_auroc(scores, generator.permutation(labels))[0]
        slow.append(0.5 + np.abs(auroc - 0.5).max())
    assert np.quantile(null[:, 0], [0.1, 0.5, 0.9]) == pytest.approx(np.quantile(slow, [0.1, 0.5, 0.9]), abs=0.02)
    assert null.mean(axis=0)[1] == pytest.approx(null.mean(axis=0)[0], abs=0.02)  # 10 of 30 against 20 of 30
    assert (null_of_maximum(scores, labels, permutations=400, seed=2) == null).all()


def test_split_half_score_is_honest_and_finds_the_better_source():
    useless = split_half_score(noise(2000, 13), labelled())
    assert useless == pytest.approx(0.5, abs=0.05)
    planted = noise(100, 14) + 5 * labelled() @ np.eye(CONCEPTS, 100)
    assert split_half_score(planted, labelled()) > 0.95
    with pytest.raises(ValueError, match="fewer than two"):
        split_half_score(noise(3, 0, 1), one_label_each([0] * 9 + [1], 2))


def test_split_half_score_by_hand():
    # Feature 0 orders the concepts everywhere, feature 1 nowhere: whatever the halves, 0 is chosen and scores 1.
    scores = np.array([[0.0, 1], [1, 1], [2, 1], [3, 1], [9, 1], [8, 1], [7, 1], [6, 1]])
    assert split_half_score(scores, one_label_each([0] * 4 + [1] * 4, 2)) == 1


def test_permuting_test_labels_changes_no_choice():
    select, test = noise(200, 15), noise(200, 16)
    chosen = select_features(select, labelled())
    before = [getattr(chosen, field.name).copy() for field in fields(chosen)]
    plain = choice.held_out_scores(chosen, test, labelled())
    shuffled = choice.held_out_scores(chosen, test, np.random.default_rng(1).permutation(labelled()))
    assert (plain.auroc != shuffled.auroc).any()
    for field, kept in zip(fields(chosen), before, strict=True):
        assert (getattr(chosen, field.name) == kept).all()
    again = select_features(select, labelled())
    assert all((getattr(again, f.name) == k).all() for f, k in zip(fields(chosen), before, strict=True))
