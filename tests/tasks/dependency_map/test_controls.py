from __future__ import annotations

import numpy as np
import pytest

from harness.datasets.records import Record
from tasks.dependency_map.controls import control_table, likeness_table, partner_wins, stems
from tasks.dependency_map.data import mirrored
from tasks.structure.data import Rna
from tasks.structure.maps import positions
from tasks.structure.scoring import NEVER
from tasks.structure.selection import Choice
from tests.fakes import FakeModel
from tests.tasks.dependency_map import slow
from tests.tasks.structure.planted import hairpin


def rna_of(seed: int, **shape: int) -> Rna:
    sequence, pairs = hairpin(seed, **shape)
    return Rna(Record(f"r{seed}", sequence, pairs=pairs))


def known_scores(rna: Rna, width: int = 0) -> np.ndarray:
    """1 at known pairs; ``width`` blurs every pair to the pairs of all bases of its stem within that distance."""
    i, j = positions(rna.length)
    found = np.zeros(rna.pairs, np.float32)
    for p, q in rna.known_pairs:
        found[(abs(i - p) <= width) & (abs(j - q) <= width)] = 1
    return found


def test_stems_are_runs_of_stacked_pairs() -> None:
    pairs = [(0, 20), (1, 19), (2, 18), (4, 16), (5, 15), (8, 12), (1, 30)]
    assert stems(pairs) == [[(0, 20), (1, 19), (2, 18)], [(4, 16), (5, 15)]]
    assert stems([]) == []


@pytest.mark.parametrize("seed", range(6))
def test_partner_wins_are_those_of_loops(seed: int) -> None:
    """Also where tokens of three hide pairs, and a multiplet is no derangement."""
    sequence, pairs = hairpin(seed, stem=6 + seed % 3)
    if seed % 2:
        pairs = (*pairs, (0, len(sequence) - 2))
    tokens = np.arange(len(sequence)) // 3 if seed > 3 else None
    rna = Rna(Record("r", sequence, pairs=tuple(sorted(pairs))), tokens)
    scores = np.random.default_rng(seed).integers(0, 6, rna.pairs).astype(np.float32)
    scores[rna.inside] = NEVER
    i, j = (place.tolist() for place in positions(rna.length))
    inside = set(rna.inside.tolist())
    there = {(p, q): float(value) for k, (p, q, value) in enumerate(zip(i, j, scores, strict=True)) if k not in inside}
    expected = slow.partner_specificity(rna.known_pairs, there)
    assert partner_wins(rna, scores) == pytest.approx(expected) and expected[1] > 10
    alike = slow.partner_specificity(rna.known_pairs, there, rna.sequence)
    assert partner_wins(rna, scores, same_base=True) == pytest.approx(alike) and 0 < alike[1] < expected[1]


def test_a_rule_of_letters_wins_against_other_bases_and_not_against_the_same() -> None:
    wins = np.zeros((2, 2))
    for rna in (rna_of(seed, stem=12) for seed in range(60)):
        i, j = positions(rna.length)
        letters = np.array(list(rna.sequence))
        rule = np.isin(np.char.add(letters[i], letters[j]), ["AU", "UA", "GC", "CG"]).astype(np.float32)
        wins += [partner_wins(rna, rule, same_base) for same_base in (False, True)]
    plain, alike = wins[:, 0] / wins[:, 1]
    assert plain > 0.7 and alike == pytest.approx(0.5, abs=0.05)


def test_a_sharp_map_wins_all_and_a_blurred_or_random_one_half() -> None:
    rnas = [rna_of(seed, stem=8) for seed in range(40)]

    def share(scores: list[np.ndarray]) -> float:
        found = np.array([partner_wins(rna, own) for rna, own in zip(rnas, scores, strict=True)])
        return float(found[:, 0].sum() / found[:, 1].sum())

    assert share([known_scores(rna) for rna in rnas]) == 1
    # the whole stem against the whole stem: which segments pair, and not which bases
    assert share([known_scores(rna, width=8) for rna in rnas]) == pytest.approx(0.5, abs=0.05)
    generator = np.random.default_rng(0)
    assert share([generator.random(rna.pairs, dtype=np.float32) for rna in rnas]) == pytest.approx(0.5, abs=0.03)


def test_signal_one_base_beside_the_partner_loses() -> None:
    rna = rna_of(0, stem=8)
    i, j = positions(rna.length)
    beside = np.zeros(rna.pairs, np.float32)
    for p, q in rna.known_pairs:
        beside[(i == p) & (j == q - 1)] = 1
    wins, comparisons = partner_wins(rna, beside)
    assert wins / comparisons < 0.3


def test_a_mirror_image_has_the_pairs_where_they_come_to_lie() -> None:
    rna = Rna(Record("r", "GGGAAAUCC", pairs=((0, 8), (1, 7), (2, 6)), given_loop_types="SSSHHHSSS"))
    image = mirrored(rna, FakeModel())
    assert image.sequence == "CCUAAAGGG" and image.record.pairs == ((0, 8), (1, 7), (2, 6))
    lopsided = Rna(Record("r", "AGGGAAAUCCAA", pairs=((1, 9), (2, 8), (3, 7))))
    image = mirrored(lopsided, FakeModel())
    assert image.record.pairs == ((2, 10), (3, 9), (4, 8))
    letters = {frozenset((lopsided.sequence[i], lopsided.sequence[j])) for i, j in lopsided.known_pairs}
    assert {frozenset((image.sequence[i], image.sequence[j])) for i, j in image.known_pairs} == letters
    assert mirrored(image, FakeModel()).record == lopsided.record


def test_counts_of_mirror_images_and_sums_of_likenesses() -> None:
    rnas = [rna_of(seed) for seed in range(3)]
    images = [mirrored(rna, FakeModel()) for rna in rnas]
    scores = [known_scores(rna) for rna in rnas]
    none = [np.zeros(image.pairs, np.float32) for image in images]
    chosen = Choice(0, 0, 500)
    table = control_table(rnas, scores, images, [known_scores(image) for image in images], chosen)
    assert (table["tp_mirror"] == 6).all() and not table[["fp_mirror", "fn_mirror"]].to_numpy().any()
    assert (table["average_precision_mirror"] == 1).all() and (table["partner_comparisons"] == 30).all()
    table = control_table(rnas, scores, images, none, chosen)
    assert not table["tp_mirror"].any() and (table["fn_mirror"] == 6).all()

    alike = [np.stack([np.arange(rna.pairs), -np.ones(rna.pairs)]).astype(np.float32) for rna in rnas]
    predicted = [own.copy() for own in scores]
    for own, rna in zip(predicted, rnas, strict=True):
        own[rna.known[0]] = 0
        own[[k for k in range(4) if k not in rna.known]] = 1
    found = likeness_table(rnas, alike, predicted, chosen)
    for row, rna in zip(found.itertuples(), rnas, strict=True):
        false = [k for k in range(4) if k not in rna.known]
        assert row.watson_crick_known == rna.known.sum() and row.repeat_known == -6 and row.pairs_known == 6
        assert row.watson_crick_false == sum(false) and row.pairs_false == len(false)
        assert row.pairs_all == rna.pairs and row.repeat_all == -rna.pairs
