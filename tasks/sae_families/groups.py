"""Comparison of groups of RNAs: features that separate two groups, and families that share features.

The unit here is the family: all functions take class-balanced mean activations (families, features) as
:func:`tasks.sae.concepts.membership.class_means` gives them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.cluster.hierarchy import leaves_list, linkage
from scipy.spatial.distance import squareform
from scipy.stats import rankdata

from harness.statistics.bootstrap import permutation_p
from harness.statistics.metrics import auroc_from_ranks
from tasks.sae.concepts.membership import Floats


@dataclass(frozen=True)
class SeparatingFeature:
    """A feature whose mean activation is higher (sign 1) or lower (-1) in the first group than in the second.

    AUROCs are over pairs of families, one of each group, in the direction of the sign; ``p`` is family-wise.
    """

    feature: int
    sign: int
    select_auroc: float
    test_auroc: float
    p: float


def separating_features(
    select_means: ArrayLike,
    test_means: ArrayLike,
    first: Sequence[int],
    second: Sequence[int],
    count: int = 10,
    permutations: int = 999,
    seed: int = 0,
) -> list[SeparatingFeature]:
    """The features that best separate two groups of families on select, with their scores on test.

    Splitting sequences cannot tell a property of the groups from one that a few of their families happen to have, as
    both splits hold the same families. So p permutes which families form the first group and repeats the choice: the
    null is the test AUROC of the feature that is then best on select. Cost O(permutations x families x features).

    Raises:
        ValueError: a group is empty or the groups overlap.
    """
    rows = [*first, *second]
    if not first or not second or len(set(rows)) < len(rows):
        raise ValueError("two groups of families need at least one family each, and none in common")
    fit, held = (rankdata(np.asarray(means)[rows], axis=0) for means in (select_means, test_means))
    grouping = (np.arange(len(rows)) < len(first))[:, None].astype(float)
    select, test = auroc_from_ranks(fit, grouping)[0], auroc_from_ranks(held, grouping)[0]
    generator, null = np.random.default_rng(seed), np.empty(permutations)
    for k in range(permutations):
        shuffled = generator.permutation(grouping)
        auroc = auroc_from_ranks(fit, shuffled)[0]
        best = int(np.argmax(np.abs(auroc - 0.5)))
        null[k] = _oriented(auroc_from_ranks(held[:, [best]], shuffled)[0, 0], auroc[best])
    found = []
    for j in np.argsort(-np.abs(select - 0.5), kind="stable")[:count]:
        reached, chosen_by = _oriented(test[j], select[j]), _oriented(select[j], select[j])
        sign, p = 1 if select[j] >= 0.5 else -1, float(permutation_p(reached, null))
        found.append(SeparatingFeature(int(j), sign, chosen_by, reached, p))
    return found


def _oriented(auroc: float, chosen_by: float) -> float:
    return float(auroc if chosen_by >= 0.5 else 1 - auroc)


def family_similarity(means: ArrayLike) -> Floats:
    """Cosine (families, families) of mean activations, after subtracting each feature's mean over families: without
    that, features that are active everywhere make all families alike. 0 where a family has nothing of its own."""
    values = np.asarray(means, dtype=np.float64)
    centred = values - values.mean(axis=0)
    norms = np.linalg.norm(centred, axis=1, keepdims=True)
    unit = np.divide(centred, norms, out=np.zeros_like(centred), where=norms > 1e-12)
    return np.asarray(np.clip(unit @ unit.T, -1, 1))


def dendrogram_order(similarity: ArrayLike) -> list[int]:
    """Families in the order of the leaves of an average-linkage tree on 1 - similarity, neighbours most alike.

    Cost O(families^3) for the order of the leaves.
    """
    distance = 1 - np.asarray(similarity, dtype=np.float64)
    np.fill_diagonal(distance, 0)
    condensed = squareform((distance + distance.T) / 2, checks=False)
    return [int(leaf) for leaf in leaves_list(linkage(condensed, "average", optimal_ordering=True))]


@dataclass(frozen=True)
class Hypothesis:
    """Two families that share features though no clan holds both."""

    first: str
    second: str
    similarity: float


def unexplained_pairs(
    similarity: ArrayLike, families: Sequence[str], clans: Sequence[str | None], count: int = 20
) -> list[Hypothesis]:
    """The ``count`` most similar pairs of families that are not of one clan, most similar first; hypotheses, not
    findings: an unknown clan (None) explains nothing, and pairs of negative similarity are never listed."""
    matrix = np.asarray(similarity)
    pairs = [
        Hypothesis(families[i], families[j], float(matrix[i, j]))
        for i in range(len(families))
        for j in range(i + 1, len(families))
        if matrix[i, j] > 0 and (clans[i] is None or clans[i] != clans[j])
    ]
    return sorted(pairs, key=lambda pair: (-pair.similarity, pair.first, pair.second))[:count]
