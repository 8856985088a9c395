"""Pairs become hypotheses where features are shared and neither a clan nor an alignment says why."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from harness.sequences.pairwise import global_identity, local_alignment
from tasks.sae_families.compare.alignments import Alignments, Alikeness, best_alignments, local_similarity
from tasks.sae_families.compare.data import ComparedFamilies
from tasks.sae_families.compare.hypotheses import candidate_pairs, funnel, hypotheses, listed
from tasks.sae_families.compare.relations import Likeness, Relations, pairs, relations
from tests.tasks.sae_families.compare.made import families, source

PAIRS = [(0, 1), (2, 3), (4, 5), (6, 7)]


@cache
def planted() -> tuple[ComparedFamilies, Relations]:
    data = families(100)
    given = source(data, [*PAIRS, *PAIRS, *([k] for k in range(100))], noise=20)
    return data, relations([given], data)


def alignments(explained: set[tuple[int, int]]) -> Alignments:
    of = {pair: Alikeness(0.9 if pair in explained else 0.4, 1.0) for pair in PAIRS}
    return Alignments(of, 0.6, 10.0)


def test_what_a_clan_or_an_alignment_explains_is_no_hypothesis() -> None:
    _, found = planted()
    clans: list[str | None] = [None] * 100
    clans[0] = clans[1] = "a"
    clans[2], clans[3] = "b", "c"
    candidates = candidate_pairs(found, clans)
    assert set(candidates) == {(2, 3), (4, 5), (6, 7)}
    similarity = [found.whole.similarity[pair] for pair in candidates]
    assert similarity == sorted(similarity, reverse=True)
    aligned = alignments({(4, 5)})
    assert set(listed(candidates, aligned, found)) == {(2, 3), (6, 7)}
    counts = funnel(found, clans, candidates, aligned)
    assert (counts.alike, counts.of_one_clan, counts.aligned, counts.unexplained, counts.beyond) == (4, 1, 3, 2, 2)


def test_pairs_that_hold_beyond_composition_come_first() -> None:
    _, found = planted()
    q = np.ones(len(found.whole.q))
    rows, columns = pairs(100)
    q[(rows == 6) & (columns == 7)] = 0.01
    found = replace(found, beyond=Likeness(found.beyond.similarity, q, q))
    assert listed(PAIRS, alignments(set()), found)[0] == (6, 7)


def test_the_evidence_is_what_it_says() -> None:
    data, found = planted()
    given = source(data, [*PAIRS, *PAIRS, *([k] for k in range(100))], noise=20)
    (own,) = hypotheses([(2, 3)], found, given, data)
    assert own.features[0].candidate in (1, 5) and own.features[0].name == f"sae {own.features[0].candidate}"
    feature = own.features[0].candidate
    scores, labels = given.scores[data.test, feature], data.labels[data.test]
    others = scores[~np.isin(labels, [2, 3])]
    for family, auroc in ((2, own.features[0].first_auroc), (3, own.features[0].second_auroc)):
        mine = scores[labels == family]
        assert auroc == pytest.approx(np.mean([(x > y) + 0.5 * (x == y) for x in mine for y in others]))
    for family, row in zip((2, 3), own.examples, strict=True):
        assert data.labels[row] == family and data.held_out[row]
        assert given.scores[row, feature] == given.scores[data.test[labels == family], feature].max()
    rows, columns = pairs(100)
    (k,) = np.flatnonzero((rows == 2) & (columns == 3))
    assert (own.similarity, own.p, own.q) == (found.whole.similarity[2, 3], found.whole.p[k], found.whole.q[k])
    assert (own.beyond, own.q_beyond) == (found.beyond.similarity[2, 3], found.beyond.q[k])


def test_the_best_alignment_of_two_families_is_found_and_explains_a_copy() -> None:
    data = families(6)
    records = list(data.records)
    copied = data.of_family(3)[2]
    records[copied] = replace(records[copied], sequence=records[data.of_family(2)[5]].sequence)
    data = replace(data, records=tuple(records))
    generator = np.random.default_rng(5)
    shuffled = ["".join(generator.permutation(list(record.sequence))) for record in data.records]
    wanted = [(0, 1), (0, 4), (1, 4), (2, 3)]
    found = best_alignments(wanted, data, shuffled)
    for pair in wanted:
        texts = [
            (records[a].sequence, records[b].sequence) for a in data.of_family(pair[0]) for b in data.of_family(pair[1])
        ]
        assert found.of[pair] == Alikeness(
            max(global_identity(*t) for t in texts), max(local_alignment(*t) for t in texts)
        )
    assert found.of[2, 3].identity == 1 and found.explains((2, 3))
    assert found.identity_of_chance < 0.7
    similarity = local_similarity(data)
    np.testing.assert_array_equal(similarity, similarity.T)
    few = [[records[row].sequence for row in data.of_family(family)[:3]] for family in (0, 1)]
    assert similarity[0, 1] == max(local_alignment(a, b) for a in few[0] for b in few[1])


def test_nothing_to_align_explains_nothing() -> None:
    data = families(2)
    assert best_alignments([], data, []).of == {}
