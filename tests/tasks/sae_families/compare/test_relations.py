"""Families that share a planted feature are alike; clans are recovered as a slow implementation says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from harness.statistics.bootstrap import cluster_weights
from tasks.sae_families.compare.relations import Likeness, clan_recovery, pairs, random_cosines, relations
from tests.tasks.sae_families.compare.made import families, source

SHARED = [(2 * k, 2 * k + 1) for k in range(6)]


def similar(found: Likeness, count: int) -> set[tuple[int, int]]:
    return {(int(i), int(j)) for i, j, q in zip(*pairs(count), found.q, strict=True) if q < 0.05}


def test_families_that_share_features_are_found_and_no_others() -> None:
    data = families(100)
    planted = source(data, [*SHARED, *SHARED, *([k] for k in range(100))], noise=20)
    found = relations([planted], data)
    # what shuffled sequences do not show is all there is
    assert similar(found.whole, 100) == similar(found.beyond, 100) == set(SHARED)
    assert found.identified > 0.9
    composed = relations([replace(planted, shuffled=planted.scores)], data)
    assert similar(composed.whole, 100) == set(SHARED) and not similar(composed.beyond, 100)


@pytest.mark.parametrize("seed", range(5))
def test_permuted_sequences_make_no_two_families_alike(seed: int) -> None:
    data = families(40)
    planted = source(data, [*SHARED, *SHARED, *([k] for k in range(40))], noise=20)
    order = np.random.default_rng(seed).permutation(len(data.records))
    found = relations([replace(planted, scores=planted.scores[order])], data)
    assert not similar(found.whole, 40) and not similar(found.beyond, 40) and found.identified < 0.2


def test_features_that_fire_together_make_no_hypothesis() -> None:
    """Families that differ along three directions alone are often alike, and p knows."""
    data = families(40)
    generator = np.random.default_rng(0)
    scores = generator.normal(size=(40, 3))[data.labels] @ generator.normal(size=(3, 60))
    given = replace(source(data, [], noise=60), scores=scores.astype(np.float32))
    found = relations([given], data)
    assert np.quantile(found.whole.similarity[pairs(40)], 0.95) > 0.8 and not similar(found.whole, 40)


def test_chance_is_that_of_vectors_with_the_covariance_of_families() -> None:
    generator = np.random.default_rng(0)
    profiles = generator.normal(size=(12, 30)) * np.linspace(0.1, 3, 30)
    drawn = random_cosines(profiles, draws=50_000)
    slow = []
    for _ in range(5000):
        one, other = (generator.normal(size=12) @ profiles for _ in range(2))
        slow.append(one @ other / np.linalg.norm(one) / np.linalg.norm(other))
    np.testing.assert_allclose(np.quantile(drawn, [0.1, 0.5, 0.9]), np.quantile(slow, [0.1, 0.5, 0.9]), atol=0.02)


def test_a_profile_is_the_mean_of_its_family_and_seeds_weigh_the_same() -> None:
    data = families(8)
    first, second = source(data, SHARED[:4]), source(data, SHARED[:2], noise=10)
    second = replace(second, scores=100 * second.scores)
    found = relations([first, second], data).whole.similarity
    rows = []
    for one in (first, second):
        means = np.array([one.scores[data.labels == family].mean(axis=0) for family in range(8)])
        centred = means - means.mean(axis=0)
        rows.append(centred / np.sqrt((centred**2).sum()))
    a, b = np.concatenate([part[2] for part in rows]), np.concatenate([part[5] for part in rows])
    assert found[2, 5] == pytest.approx(a @ b / np.sqrt((a @ a) * (b @ b)), abs=1e-6)


def test_clans_are_recovered_as_loops_say() -> None:
    generator = np.random.default_rng(1)
    clans: list[str | None] = ["a", "a", "a", "b", "b", "c", None, "d", "a", "b"]
    similarity = generator.normal(size=(10, 10)).round(1)  # ties too
    similarity = (similarity + similarity.T) / 2
    found = clan_recovery(similarity, clans, draws=30)
    assert found is not None

    def auroc(weight: np.ndarray) -> float:
        wins = total = 0.0
        known = [k for k, clan in enumerate(clans) if clan is not None]
        every = [(known.index(i), known.index(j), i, j) for i in known for j in known if i < j]
        for a, b, i, j in every:
            for c, d, k, m in every:
                if clans[i] == clans[j] and clans[k] != clans[m]:
                    weighs = weight[a] * weight[b] * weight[c] * weight[d]
                    total += weighs
                    one, other = similarity[i, j], similarity[k, m]
                    wins += weighs * ((one > other) + 0.5 * (one == other))
        return wins / total if total else np.nan

    assert found.pooled.value == pytest.approx(auroc(np.ones(9)))
    weights = cluster_weights([clan for clan in clans if clan is not None], 30)
    np.testing.assert_allclose(found.pooled.draws, [auroc(row) for row in weights])
    of_b = [similarity[i, j] for i, j in ((3, 4), (3, 9), (4, 9))]
    others = [similarity[i, j] for i in (3, 4, 9) for j in (0, 1, 2, 5, 7, 8)]
    by_hand = np.mean([(x > y) + 0.5 * (x == y) for x in of_b for y in others])
    assert found.clans["b"] == (3, pytest.approx(by_hand)) and set(found.clans) == {"a", "b"}
    assert found.by_clan.value == pytest.approx(np.mean([value for _, value in found.clans.values()]))


@pytest.mark.parametrize("clans", [[None] * 4, ["a", "b", "c", None], ["a"] * 4])
def test_without_two_kinds_of_pairs_nothing_is_said(clans: list[str | None]) -> None:
    assert clan_recovery(np.eye(4), clans) is None
