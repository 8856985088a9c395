from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from tasks.sae.concepts.choice import FeatureChoice, select_features
from tasks.sae.concepts.confounds import composition, gain_over_composition, length_and_gc, matched_auroc
from tasks.sae.concepts.membership import one_label_each


def rna(generator: np.random.Generator, length: int, gc: float) -> str:
    return "".join(generator.choice(list("ACGU"), size=length, p=[(1 - gc) / 2, gc / 2, gc / 2, (1 - gc) / 2]))


def take(features: list[int], signs: list[int] | None = None) -> FeatureChoice:
    rest = np.zeros(len(features))
    return FeatureChoice(np.array(features), np.array(signs or [1] * len(features)), rest, rest, rest)


def test_composition_by_hand():
    assert length_and_gc(["GGCA", "NNAG", "NN"]) == pytest.approx(
        np.array([[np.log(4), 0.75], [np.log(4), 0.5], [np.log(2), 0]])
    )
    row = composition(["ACGACGU", "ANG"])
    assert row.shape == (2, 66)
    words = ["".join(w) for w in product("ACGU", repeat=3)]
    counts = {"ACG": 2, "CGA": 1, "GAC": 1, "CGU": 1}
    assert row[0, 2:] == pytest.approx([counts.get(word, 0) / 5 for word in words])
    assert not row[1, 2:].any()


def test_matched_auroc_against_loops():
    generator = np.random.default_rng(0)
    sequences = [rna(generator, generator.integers(30, 200), generator.uniform(0.2, 0.8)) for _ in range(60)]
    labels, scores = np.repeat([0, 1, 2], 20), generator.normal(size=(60, 5)).round()
    got = matched_auroc(take([3, 1, 0], [1, -1, 1]), scores, one_label_each(labels, 3), sequences)
    raw = length_and_gc(sequences)
    place = (raw - raw.mean(axis=0)) / raw.std(axis=0)
    for c, chosen in enumerate((scores[:, 3], -scores[:, 1], scores[:, 0])):
        for column, reached in ((chosen, got.auroc), (raw[:, 0], got.length), (raw[:, 1], got.gc)):
            wins = []
            for i in np.flatnonzero(labels == c):
                apart = [(float(np.linalg.norm(place[i] - place[j])), j) for j in range(60) if labels[j] != c]
                for _, j in sorted(apart)[:5]:
                    wins.append(1.0 if column[i] > column[j] else 0.5 if column[i] == column[j] else 0.0)
            assert reached[c] == pytest.approx(np.mean(wins))


def test_a_feature_that_follows_length_loses_its_score_and_a_real_one_keeps_it():
    generator = np.random.default_rng(1)
    labels = np.repeat([0, 1], [100, 400])
    lengths = np.where(labels == 0, generator.integers(110, 150, 500), generator.integers(40, 160, 500))
    sequences = [rna(generator, n, 0.5) for n in lengths]
    scores = np.column_stack([lengths, (labels == 0) + 0.1 * generator.normal(size=500)])
    assert (lengths[labels == 0][:, None] > lengths[labels == 1]).mean() > 0.7
    got = matched_auroc(take([0, 0]), scores, one_label_each(labels, 2), sequences)
    assert got.auroc[0] == pytest.approx(0.5, abs=0.07)
    assert got.auroc[0] == got.length[0]
    assert matched_auroc(take([1, 1]), scores, one_label_each(labels, 2), sequences).auroc[0] == 1


def test_length_itself_tells_when_no_match_exists():
    generator = np.random.default_rng(2)
    sequences = [rna(generator, 50, 0.5) for _ in range(20)] + [rna(generator, 400, 0.5) for _ in range(20)]
    got = matched_auroc(take([0, 0]), np.zeros((40, 1)), one_label_each(np.repeat([0, 1], 20), 2), sequences)
    assert got.length.tolist() == [0, 1]
    assert got.auroc.tolist() == [0.5, 0.5]


def test_gain_is_what_composition_does_not_hold():
    generator = np.random.default_rng(3)
    labels = np.repeat(np.arange(4), 20)
    shares = (0.3, 0.45, 0.55, 0.7)

    def draw() -> tuple[np.ndarray, list[str]]:
        sequences = [rna(generator, 80, shares[c]) for c in labels]
        gc = length_and_gc(sequences)[:, 1]
        return np.column_stack([gc, np.eye(4)[labels] + 0.2 * generator.normal(size=(80, 4))]), sequences

    (select, select_sequences), (test, test_sequences) = draw(), draw()
    member = one_label_each(labels, 4)
    arguments = (select, member, select_sequences, test, member, test_sequences)
    planted = gain_over_composition(take([1, 2, 3, 4]), *arguments)
    assert planted.with_feature.min() > 0.95
    assert planted.without.mean() < 0.95
    assert planted.gain == pytest.approx(planted.with_feature - planted.without)
    only_gc = gain_over_composition(take([0, 0, 0, 0]), *arguments)
    assert only_gc.without == pytest.approx(planted.without)
    assert abs(only_gc.gain.mean()) < 0.03


def test_choices_of_select_features_fit():
    generator = np.random.default_rng(4)
    member, sequences = one_label_each(np.repeat([0, 1], 10), 2), [rna(generator, 40, 0.5) for _ in range(20)]
    scores = generator.normal(size=(20, 6))
    choice = select_features(scores, member)
    assert matched_auroc(choice, scores, member, sequences).auroc.shape == (2,)
