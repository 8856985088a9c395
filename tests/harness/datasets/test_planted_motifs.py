import itertools
from collections import Counter

import numpy as np

from harness.datasets.planted_motifs import LENGTH, PLANTED, SIZES, library, load, planted_sites
from harness.datasets.resolve import load_dataset

COMPLEMENT = str.maketrans("ACGU", "UGCA")


def test_the_records_are_the_same_everywhere() -> None:
    dataset = load_dataset("planted-motifs")
    assert dataset.fingerprint == load().fingerprint == "3a81722cee693206"
    assert dataset.card.simulated and dataset.card == load().card
    assert Counter(record.split for record in dataset.records) == SIZES
    assert {len(record.sequence) for record in dataset.records} == {LENGTH}


def test_letters_of_sites_are_drawn_from_their_matrices() -> None:
    records = {record.id: record.sequence for record in load().records}
    for motif in (own for own in library() if own.id in PLANTED):
        counts = np.zeros((motif.width, 4))
        for name, sites in planted_sites().items():
            for site in sites:
                if site.motif == motif.id:
                    letters = records[name][site.start : site.start + site.width]
                    oriented = letters if site.strand > 0 else letters[::-1].translate(COMPLEMENT)
                    for column, letter in enumerate(oriented):
                        counts[column, "ACGU".index(letter)] += 1
        drawn = counts / counts.sum(axis=1, keepdims=True)
        assert counts[0].sum() > 300 and np.abs(drawn - motif.frequencies).max() < 0.1, motif.name


def test_nothing_but_letters_tells_where_a_site_is() -> None:
    every = [site for sites in planted_sites().values() for site in sites]
    strands = Counter(site.strand for site in every)
    assert 0.45 < strands[1] / len(every) < 0.55
    assert set(Counter(site.motif for site in every)) == set(PLANTED)
    starts = np.array([site.start for site in every if site.width == 10])
    assert np.percentile(starts, 10) < 15 and np.percentile(starts, 90) > 75
    gaps, orders = [], Counter()
    for sites in planted_sites().values():
        for left, right in itertools.pairwise(sites):
            gap = right.start - left.start - left.width
            assert gap >= 0 and left.motif != right.motif
            gaps.append(gap)
            orders[left.motif < right.motif] += 1
    assert min(gaps) == 0 and len(set(gaps)) > 60
    assert 0.45 < orders[True] / sum(orders.values()) < 0.55


def test_decoys_are_in_the_library_alone() -> None:
    ids = [motif.id for motif in library()]
    assert ids[: len(PLANTED)] == list(PLANTED) and len(ids) == len(set(ids)) == 48
