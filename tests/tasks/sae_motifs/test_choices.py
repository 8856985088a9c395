import numpy as np
from scipy.stats import false_discovery_control

from tasks.sae.sources.letters import CompositionSource, KmerSource
from tasks.sae_motifs.choices import (
    ALL,
    EQUAL,
    MOST_PER_CLUSTER,
    ROUNDS,
    Claim,
    Entry,
    choose_claims,
    propose_claims,
    subsamples,
)
from tasks.sae_motifs.libraries import Library, Matches
from tasks.sae_motifs.windows import FeatureMotif

COLUMNS = np.ones((5, 4))
MATCHES = Matches(
    p=np.array([0.001, 0.0001, 0.9, 0.02]),
    motif=np.array([0, 1, 2, 3]),
    offset=np.array([2, -1, 0, 4]),
    strand=np.array([1, -1, 1, 1]),
)


def entry() -> Entry:
    """Five features; that of number 1 has no motif."""
    source = CompositionSource()
    own = Entry(source, None, None)
    own.motifs = [FeatureMotif(COLUMNS, first, 30) for first in (-5, 0, -3, 4, 7)]
    own.motifs[1] = None
    own.with_motif = np.array([0, 2, 3, 4])
    own.matches = [MATCHES]
    return own


def library(clusters: list[int]) -> Library:
    return Library("test", "", (), np.array(clusters), True)


def test_a_feature_without_a_motif_counts_as_a_test_that_fails() -> None:
    own = entry()
    propose_claims(own, [library([0, 1, 2, 3])], {ALL: [None]})
    q = false_discovery_control([0.001, 0.0001, 0.9, 0.02, 1.0])
    features = [claim.feature for claim in own.rounds[ALL][0].claims[0]]
    assert sorted(features) == [f for f, value in zip([0, 2, 3, 4], q, strict=False) if value < 0.05] == [0, 2, 4]
    assert own.rounds[ALL][0].hit_rates.tolist() == [3 / 5]


def test_the_claims_of_a_cluster_are_tried_and_the_one_that_holds_best_on_select_stays() -> None:
    own, libraries = entry(), [library([5, 5, 6, 5])]
    # the window's first column lies 3 before the activation, and 1 before the site
    closest = Claim(feature=2, library=0, motif=1, strand=-1, delta=-1 + 3)
    second, third = Claim(0, 0, 0, 1, 2 + 5), Claim(4, 0, 3, 1, 4 - 7)
    nan = float("nan")
    for aurocs, kept in (
        ((0.5, 0.9, 0.8), second),
        ((0.8, 0.8, 0.7), closest),
        ((nan, nan, 0.1), third),
        ((nan,) * 3, closest),
    ):
        propose_claims(own, libraries, {ALL: [None]})
        assert own.rounds[ALL][0].claims == ((closest, second, third),)
        choose_claims(own, libraries, dict(zip((closest, second, third), aurocs, strict=True)))
        assert own.rounds[ALL][0].claims == ((kept,),) and own.claims == [kept]


def test_a_cluster_that_many_features_match_is_tried_with_the_best_of_them_alone() -> None:
    own = Entry(KmerSource(), None, None)
    own.motifs = [FeatureMotif(COLUMNS, 0, 30)] * 30
    own.with_motif = np.arange(30)
    even = np.zeros(30, dtype=np.int64)
    own.matches = [Matches(np.linspace(2e-9, 1e-9, 30), even, even, even + 1)]
    propose_claims(own, [library([0])], {ALL: [None]})
    assert [claim.feature for claim in own.rounds[ALL][0].claims[0]] == list(range(29, 29 - MOST_PER_CLUSTER, -1))


def test_candidates_are_the_features_of_the_subset_alone() -> None:
    own = entry()
    propose_claims(own, [library([0, 1, 2, 3])], {EQUAL: [np.array([0, 1, 3]), np.array([1, 3])]})
    first, second = own.rounds[EQUAL]
    assert [claim.feature for claim in first.claims[0]] == [0] and first.hit_rates.tolist() == [1 / 3]
    assert second.claims == ((),)
    assert own.claims == [Claim(0, 0, 0, 1, 2 + 5)]


def test_layers_are_compared_by_matches_over_those_of_permuted_libraries() -> None:
    own = entry()
    worse = Matches(np.array([0.001, 1, 1, 1.0]), MATCHES.motif, MATCHES.offset, MATCHES.strand)
    own.matches = [MATCHES, worse, MATCHES]
    propose_claims(own, [library([0, 1, 2, 3])] * 3, {EQUAL: [None]})
    assert own.excess_on_select() == 3 - (1 + 3) / 2


def test_larger_sources_are_subsampled_several_times_and_others_not() -> None:
    assert subsamples(64, 64, 0) == [None]
    drawn = subsamples(200, 64, 0)
    assert len(drawn) == ROUNDS and all(len(set(own.tolist())) == 64 for own in drawn if own is not None)
    assert not np.array_equal(drawn[0], drawn[1])
    again = subsamples(200, 64, 0)
    assert all(np.array_equal(a, b) for a, b in zip(drawn, again, strict=True))
