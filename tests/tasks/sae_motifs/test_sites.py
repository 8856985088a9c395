import random

import numpy as np
import pytest

from harness.sequences.motifs import Motif
from tasks.sae_motifs.sites import Letters, Sites, best_sites, log_odds, peak_scores, scan, threshold

COUNTS = np.array([[9, 1, 0, 0], [0, 0, 10, 0], [1, 2, 3, 4], [0, 10, 0, 0], [0, 0, 0, 10], [10, 0, 0, 0]], dtype=float)
MOTIF = Motif("m", "m", COUNTS)


def sequences(count: int, seed: int = 0, shortest: int = 3) -> list[str]:
    generator = random.Random(seed)
    return ["".join(generator.choices("ACGU", k=generator.randint(shortest, 40))) for _ in range(count)]


def slow_scores(motif: Motif, sequence: str) -> list[float]:
    shares = (motif.frequencies + 0.01) / (motif.frequencies + 0.01).sum(axis=1, keepdims=True)
    found = []
    for start in range(len(sequence) - motif.width + 1):
        letters = sequence[start : start + motif.width]
        if "N" in letters:
            found.append(-np.inf)
        else:
            found.append(sum(np.log2(shares[i, "ACGU".index(letter)] * 4) for i, letter in enumerate(letters)))
    return found


def test_scores_equal_those_of_a_slow_scan() -> None:
    own = [*sequences(20), "ACGUNNACGUACGNACGUAGUAC"]
    letters = Letters.of(own)
    fast = scan(MOTIF, letters)
    scores, places = best_sites(MOTIF, letters)
    for number, sequence in enumerate(own):
        expected = slow_scores(MOTIF, sequence)
        inside = fast[letters.starts[number] : letters.starts[number] + len(expected)]
        finite = np.isfinite(expected)
        np.testing.assert_allclose(inside[finite], np.array(expected)[finite], atol=1e-4)
        assert (inside[~finite] < -1e5).all()
        if finite.any():
            assert places[number] == int(np.argmax(expected)) and scores[number] == pytest.approx(
                max(expected), abs=1e-4
            )
        else:
            assert scores[number] < -1e5


def test_an_unknown_letter_has_no_place_in_a_site() -> None:
    assert (log_odds(MOTIF)[:, 4] < -1e5).all()


def test_the_threshold_is_what_one_place_in_ten_thousand_reaches() -> None:
    own = sequences(3000, shortest=30)
    every = np.concatenate([slow_scores(MOTIF, sequence) for sequence in own])
    least = threshold(MOTIF, Letters.of(own))
    assert (every >= least - 1e-4).mean() > 0
    assert (every > least + 1e-4).mean() <= 1e-4
    assert threshold(MOTIF, Letters.of(["ACG"])) == float("inf")


def test_sites_are_the_best_of_a_cluster_on_their_strand_and_not_where_the_shuffle_has_one() -> None:
    site, other = "AGUCUA", "UAGACU"
    blank = "CCCCCCCCCCCCCCCCCCCC"
    test = [
        blank[:5] + site + blank[:9],
        blank[:2] + site + blank[:12],
        blank[:7] + other + blank[:7],
        blank,
        blank[:3] + site + blank[:11],
    ]
    shuffled = [blank, blank, blank, blank, site + blank[:14]]
    background = sequences(2000, seed=1, shortest=30)
    sites = Sites(background, test, shuffled, np.array([0, 0, 1, 2, 3]))
    # of two equal ones in a cluster the first; the last has a site in its shuffle
    assert sites.starts(0, 0, 1, MOTIF).tolist() == [5, -1, -1, -1, -1]
    assert sites.starts(0, 0, -1, MOTIF).tolist() == [-1, -1, 7, -1, -1]


def test_peak_scores_take_the_better_strand_where_there_are_two() -> None:
    letters = Letters.of(["CCUAGACUCC", "CCAGUCUACC"])
    both, forward = (peak_scores((MOTIF,), letters, strands)[:, 0] for strands in (True, False))
    assert both[0] == pytest.approx(both[1]) and forward[1] == both[1] and forward[0] < both[0]
