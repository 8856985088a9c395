"""The tables beside a record: each can be recomputed from the scores, and the record from them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from tasks.sae.aggregate import FRACTION_ACTIVE, FULL_MAXIMUM, WINDOW
from tasks.sae.split_quality import SharedFeatures
from tasks.sae_families.scores import SourceScores, score_dense_probe, score_source
from tasks.sae_families.tables import family_table, feature_table, item_table, similarity_tables
from tests.tasks.sae_families.scored import FAMILIES, FEATURES, ITEMS, LABELS, TEST, scored_source

NAMES = [f"rna {index}" for index in range(len(LABELS))]
CLUSTERS = [f"cluster {index}" for index in range(len(LABELS))]


@pytest.fixture(scope="module")
def sources() -> list[SourceScores]:
    means = scored_source().matrix(np.arange(len(LABELS)))
    return [score_source([scored_source(0), scored_source(1)], ITEMS), score_dense_probe(means, ITEMS)]


def test_one_row_per_source_seed_and_family(sources: list[SourceScores]) -> None:
    table = family_table(sources, ITEMS.families, 2)
    assert len(table) == (2 + 1) * FAMILIES
    assert table.groupby("source").size().to_dict() == {"sae": 2 * FAMILIES, "dense-probe": FAMILIES}
    assert table.seed.tolist()[:5] == [0, 0, 0, 0, 1] and table.seed.isna().sum() == FAMILIES
    assert (table.layer == 2).all()
    own = table[(table.source == "sae") & (table.seed == 1)]
    seed = sources[0].seeds[1]
    assert own.family.tolist() == list(ITEMS.families) and (own.feature.to_numpy() == seed.choice.feature).all()
    assert own.feature_name.tolist() == [f"sae {feature}" for feature in seed.choice.feature]
    assert own.recall.to_numpy() == pytest.approx(seed.held_out.true_positive_rate)
    assert own.auroc.mean() == pytest.approx(seed.held_out.auroc.mean()) and (own.candidates == FEATURES).all()


def test_items_recompute_auroc_and_calls(sources: list[SourceScores]) -> None:
    table = item_table(sources, ITEMS, NAMES, CLUSTERS, 2)
    families = family_table(sources, ITEMS.families, 2)
    assert len(table) == 3 * FAMILIES * len(TEST)
    assert set(table["item"]) == {NAMES[row] for row in TEST} and set(table.cluster) == {CLUSTERS[row] for row in TEST}
    for row in families.itertuples():
        same_seed = table.seed.isna() if pd.isna(row.seed) else (table.seed == row.seed).fillna(False)
        group = table[same_seed & (table.source == row.source) & (table.concept == row.family)]
        positive = (group.family == row.family).to_numpy()
        assert len(group) == len(TEST) and positive.sum() == 10
        assert roc_auc_score(positive, group.value) == pytest.approx(row.auroc)
        assert group.called[positive].mean() == pytest.approx(row.recall)


def test_features_with_their_family_and_activity() -> None:
    entry = scored_source(0)
    shared = SharedFeatures(np.full((2, FEATURES), 0.6), np.arange(2 * FEATURES).reshape(2, FEATURES) % 3 == 0)
    table = feature_table([entry, scored_source(1)], ITEMS, 2, shared)
    assert (table.stability == 0.6).all() and table.stable.tolist() == shared.stable.reshape(-1).tolist()
    alone = feature_table([entry], ITEMS, 2, None)
    assert alone.stability.isna().all() and alone.stable.isna().all()
    assert len(table) == 2 * FEATURES
    own = table[table.seed == 0].reset_index(drop=True)
    assert own.live.tolist() == [True] * (FEATURES - 1) + [False]
    assert own.tau.isna().tolist() == own.information.isna().tolist() == (~own.live).tolist()
    assert own.maximum.to_numpy() == pytest.approx(entry.matrix(TEST, FULL_MAXIMUM).max(axis=0))
    assert own.fraction_active.to_numpy() == pytest.approx(entry.matrix(TEST, FRACTION_ACTIVE).mean(axis=0))
    assert own.family[:FAMILIES].tolist() == list(ITEMS.families) and (own.sign[:FAMILIES] == 1).all()
    for row in own.itertuples():
        family = ITEMS.families.index(row.family)
        fit = [roc_auc_score(ITEMS.select_labels == c, entry.matrix(ITEMS.select)[:, row.feature]) for c in range(4)]
        held = roc_auc_score(ITEMS.test_labels == family, entry.matrix(TEST)[:, row.feature])
        assert row.select_auroc == pytest.approx(fit[family]) and row.test_auroc == pytest.approx(held)
        assert abs(row.select_auroc - 0.5) == pytest.approx(max(abs(auroc - 0.5) for auroc in fit))
        assert row.sign == (1 if row.select_auroc >= 0.5 else -1)


def test_families_that_share_a_feature_are_neighbours_unless_a_clan_explains_it() -> None:
    entries = [scored_source(0).scored_by(WINDOW), scored_source(1).scored_by(WINDOW)]
    for entry in entries:
        scores = entry.scores._scores[WINDOW]
        scores[:, 10] = 20 * np.isin(LABELS, [0, 2])
    matrix, pairs = similarity_tables(entries, ITEMS, [None] * FAMILIES)
    names = matrix.family.tolist()
    assert sorted(names) == sorted(ITEMS.families) == sorted(matrix.columns[1:])
    assert abs(names.index("F0") - names.index("F2")) == 1
    values = matrix[names].to_numpy()
    assert values == pytest.approx(values.T) and np.diag(values) == pytest.approx(1)
    centred = []
    for entry in entries:
        score = entry.matrix(TEST, WINDOW).astype(float)
        means = np.array([score[ITEMS.test_labels == c].mean(axis=0) for c in (0, 2, 1, 3)])
        means -= means.mean(axis=0)
        centred.append(means[0] @ means[1] / np.linalg.norm(means[0]) / np.linalg.norm(means[1]))
    assert matrix.set_index("family").loc["F0", "F2"] == pytest.approx(np.mean(centred))
    assert pairs.iloc[0].tolist()[:2] == ["F0", "F2"]
    _, explained = similarity_tables(entries, ITEMS, ["clan", None, "clan", None])
    assert ["F0", "F2"] not in explained[["first", "second"]].to_numpy().tolist()
