"""Features that were planted in a group are found; features of single families do not pass for those of their group."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from scipy.stats import false_discovery_control, mannwhitneyu

from tasks.sae.concepts.membership import class_means
from tasks.sae_families.compare.separation import TESTED, Separation, separation
from tests.tasks.sae_families.compare.made import families, source

A, B = [f"F{k}" for k in range(6)], [f"F{k}" for k in range(6, 12)]


def found(shared: list[list[int]], own: float = 0.0) -> Separation:
    data = families(12)
    return separation(source(data, shared, own=own), data, A, B)


def test_a_planted_feature_is_found_with_its_sign() -> None:
    own = found([[0, 1, 2, 3, 4, 5], [6, 7, 8, 9, 10, 11]])
    signs = dict(zip(own.feature.tolist(), own.sign.tolist(), strict=True))
    assert set(own.feature[:2].tolist()) == {0, 1} and (signs[0], signs[1]) == (1, -1)
    assert own.separating[:2].all() and own.general[:2].all()
    assert not own.general[2:].any() and own.separating[2:].sum() <= 2
    assert (own.test_auroc[:2] > 0.95).all()


def test_numbers_are_those_of_a_slow_implementation() -> None:
    data = families(12)
    given = source(data, [[0, 1, 2]], own=0.5)
    own = separation(given, data, A[:3], B[:2])
    in_first, in_second = np.isin(data.labels, [0, 1, 2]), np.isin(data.labels, [6, 7])
    for k, feature in enumerate(own.feature.tolist()):
        for half, auroc in ((~data.held_out, own.select_auroc[k]), (data.held_out, own.test_auroc[k])):
            one = own.sign[k] * given.scores[in_first & half, feature]
            other = own.sign[k] * given.scores[in_second & half, feature]
            assert auroc == pytest.approx(np.mean([(x > y) + 0.5 * (x == y) for x in one for y in other]))
        assert own.p[k] == pytest.approx(mannwhitneyu(one, other, alternative="greater").pvalue)
    np.testing.assert_allclose(own.q, false_discovery_control(own.p))
    means = class_means(given.scores[data.held_out], np.equal.outer(data.labels[data.held_out], [0, 1, 2, 6, 7]))

    least = np.median([np.std(column) for column in means.T])

    def strongest(members: tuple[int, ...], features: range | list[int]) -> list[float]:
        rest = [k for k in range(5) if k not in members]
        values = []
        for feature in features:
            one, other = means[list(members), feature], means[rest, feature]
            spread = np.sqrt((one.var() * len(one) + other.var() * len(other)) / 5)
            values.append(abs(one.mean() - other.mean()) / (spread + least))
        return values

    null = [max(strongest(members, range(means.shape[1]))) for members in combinations(range(5), 3)]
    observed = strongest((0, 1, 2), own.feature.tolist())
    expected = [np.mean([value >= reached - 1e-12 for value in null]) for reached in observed]
    np.testing.assert_allclose(own.family_p, expected)
    assert own.smallest_family_p == 1 / 10


@pytest.mark.parametrize("seed", range(5))
def test_permuted_sequences_give_nothing(seed: int) -> None:
    data = families(12)
    planted = source(data, [[0, 1, 2, 3, 4, 5]])
    generator, order = np.random.default_rng(seed), np.arange(len(data.records))
    for half in (data.select, data.test):
        order[half] = generator.permutation(order[half])
    own = separation(replace(planted, scores=planted.scores[order]), data, A, B)
    assert not own.separating.any() and not own.general.any()


@pytest.mark.parametrize("seed", range(5))
def test_families_grouped_at_random_differ_but_their_groups_do_not(seed: int) -> None:
    data = families(12)
    grouping = np.random.default_rng(seed).permutation([*A, *B]).tolist()
    own = separation(source(data, [], own=3.0), data, grouping[:6], grouping[6:])
    assert own.separating.any() and not own.general.any()


def test_a_feature_that_never_varies_is_no_error() -> None:
    data = families(4)
    constant = replace(source(data, []), scores=np.zeros((len(data.records), 3), dtype=np.float32))
    own = separation(constant, data, ["F0", "F1"], ["F2"])
    assert len(own.feature) == 3 <= TESTED and (own.p == 1).all() and not own.separating.any()
