"""Items of several concepts, or of none, and sparse scores: against loops, and the same from CSR as from dense."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import matthews_corrcoef, roc_auc_score

from harness.statistics.bootstrap import cluster_weights
from harness.statistics.metrics import PREVALENCE
from tasks.sae.concepts.choice import (
    held_out_scores,
    null_of_maximum,
    rank_auroc,
    select_features,
    split_half_score,
)
from tasks.sae.concepts.confounds import gain_over_composition, matched_auroc
from tasks.sae.concepts.macro_scores import macro_scores
from tasks.sae.concepts.membership import class_means, columns
from tasks.sae.concepts.probes import sparse_probes
from tasks.sae.concepts.ranks import Ranks
from tasks.sae.concepts.selectivity import selectivity

ITEMS, FEATURES, CONCEPTS = 60, 14, 3


def make(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Scores with many zeros and some negatives, and members of which some share items and some items have none."""
    generator = np.random.default_rng(seed)
    member = generator.random((ITEMS, CONCEPTS)) < 0.3
    scores = generator.normal(size=(ITEMS, FEATURES)).round(1) * (generator.random((ITEMS, FEATURES)) < 0.3)
    scores[:, :CONCEPTS] += 2.0 * member
    scores[:, 5] = 0
    assert (member.sum(axis=1) > 1).any() and not member.any(axis=1).all()
    return scores, member


SELECT, SELECT_MEMBER = make(0)
TEST, TEST_MEMBER = make(1)
SPARSE_SELECT, SPARSE_TEST = scipy.sparse.csr_array(SELECT), scipy.sparse.csr_array(TEST)
SEQUENCES = ["".join(np.random.default_rng(k).choice(list("ACGU"), 30 + k)) for k in range(ITEMS)]


@settings(max_examples=40)
@given(st.integers(0, 10_000), st.booleans())
def test_sparse_ranks_are_the_dense_ones_bit_for_bit(seed: int, stored_zeros: bool) -> None:
    scores, member = make(seed)
    sparse = scipy.sparse.csr_array(scores)
    if stored_zeros:
        sparse.data[::3] = 0
        scores = sparse.toarray()
    before = sparse.data.copy()
    assert np.array_equal(Ranks.of(sparse).auroc(member), Ranks.of(scores).auroc(member), equal_nan=True)
    assert (sparse.data == before).all()


def test_auroc_of_every_feature_and_concept_by_scikit_learn() -> None:
    found = rank_auroc(SPARSE_SELECT, SELECT_MEMBER)
    for c in range(CONCEPTS):
        expected = [roc_auc_score(SELECT_MEMBER[:, c], column) for column in SELECT.T]
        assert found[c] == pytest.approx(expected)


@pytest.mark.parametrize("scores", [SELECT, SPARSE_SELECT], ids=["dense", "sparse"])
def test_each_concept_is_scored_against_all_items_outside_it(scores: object) -> None:
    choice = select_features(scores, SELECT_MEMBER)  # type: ignore[arg-type]
    held = held_out_scores(choice, TEST if scores is SELECT else SPARSE_TEST, TEST_MEMBER)
    for c in range(CONCEPTS):
        fit, positive = SELECT_MEMBER[:, c], TEST_MEMBER[:, c]
        aurocs = np.array([roc_auc_score(fit, column) for column in SELECT.T])
        feature = int(np.argmax(np.abs(aurocs - 0.5)))
        assert choice.feature[c] == feature == c
        oriented = choice.sign[c] * TEST[:, feature]
        assert held.auroc[c] == pytest.approx(roc_auc_score(positive, oriented))
        weight = np.where(positive, PREVALENCE / positive.sum(), (1 - PREVALENCE) / (~positive).sum())
        expected = matthews_corrcoef(positive, oriented >= choice.threshold[c], sample_weight=weight)
        assert held.mcc[c] == pytest.approx(expected)


def test_sparse_scores_give_what_dense_ones_give_everywhere() -> None:
    dense, sparse = select_features(SELECT, SELECT_MEMBER), select_features(SPARSE_SELECT, SELECT_MEMBER)
    for name in ("feature", "sign", "threshold", "select_auroc", "select_mcc"):
        np.testing.assert_array_equal(getattr(dense, name), getattr(sparse, name))
    np.testing.assert_array_equal(columns(SPARSE_TEST, dense.feature), columns(TEST, dense.feature))
    weights = cluster_weights(range(ITEMS), draws=20)
    for name in ("auroc", "mcc", "f1"):
        one, other = (macro_scores([x], [dense], TEST_MEMBER, weights) for x in (TEST, SPARSE_TEST))
        np.testing.assert_array_equal(getattr(one, name).draws, getattr(other, name).draws)
    assert split_half_score(SELECT, SELECT_MEMBER) == split_half_score(SPARSE_SELECT, SELECT_MEMBER)
    nulls = [null_of_maximum(x, SELECT_MEMBER, permutations=20) for x in (SELECT, SPARSE_SELECT)]
    np.testing.assert_array_equal(*nulls)
    probes = [
        sparse_probes(x, SELECT_MEMBER, y, TEST_MEMBER, (1, 3))
        for x, y in ((SELECT, TEST), (SPARSE_SELECT, SPARSE_TEST))
    ]
    np.testing.assert_array_equal(*probes)
    np.testing.assert_allclose(*(selectivity(x, TEST_MEMBER).tau for x in (TEST, SPARSE_TEST)))
    np.testing.assert_array_equal(*(matched_auroc(dense, x, TEST_MEMBER, SEQUENCES).auroc for x in (TEST, SPARSE_TEST)))
    gains = [
        gain_over_composition(dense, x, SELECT_MEMBER, SEQUENCES, y, TEST_MEMBER, SEQUENCES).gain
        for x, y in ((SELECT, TEST), (SPARSE_SELECT, SPARSE_TEST))
    ]
    np.testing.assert_array_equal(*gains)


def test_means_of_items_that_belong_to_several_concepts() -> None:
    means = class_means(SPARSE_TEST, TEST_MEMBER)
    for c in range(CONCEPTS):
        own = [row for row, belongs in zip(TEST, TEST_MEMBER[:, c], strict=True) if belongs]
        assert means[c] == pytest.approx(np.mean(own, axis=0))


def test_halves_divide_every_concept_as_evenly_as_shared_items_allow() -> None:
    from tasks.sae.concepts.choice import _halves

    half = _halves(SELECT_MEMBER, 0)
    for own in (*SELECT_MEMBER.T, ~SELECT_MEMBER.any(axis=1)):
        assert own[half].sum() >= 2 and own[~half].sum() >= 2
    assert abs(int(half.sum()) - ITEMS / 2) <= CONCEPTS + 1
