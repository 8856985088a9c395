import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scripts.ncrna_nano import stem_loops
from scripts.ncrna_nano.stem_loops import stem_loop_rna

CANONICAL = {"AU", "UA", "CG", "GC"}
WOBBLE = {"GU", "UG"}


@settings(max_examples=60)
@given(st.floats(0, 1), st.integers(12, 200), st.integers(0, 2**32))
def test_partners_pair_are_mutual_and_lie_within_the_rna(difficulty: float, longest: int, seed: int) -> None:
    numbers = np.random.default_rng(seed)
    parts = [stem_loops._element(difficulty, 0, numbers) for _ in range(2)]
    codes, partners = stem_loops._joined(parts)
    sequence = "".join("ACGU"[code] for code in codes)
    for i, j in enumerate(partners):
        if j >= 0:
            assert partners[j] == i and abs(i - j) > 3
            assert sequence[i] + sequence[j] in CANONICAL | WOBBLE
    rna, paired = stem_loop_rna(difficulty, longest, np.random.default_rng(seed))
    assert len(rna) == len(paired) <= longest


def test_the_easiest_rna_is_one_perfect_hairpin() -> None:
    for seed in range(50):
        sequence, paired = stem_loop_rna(0.0, 200, np.random.default_rng(seed))
        left, right = np.flatnonzero(paired)[[0, -1]]
        stem = int(paired.sum()) // 2
        assert paired[left : left + stem].all() and paired[right - stem + 1 : right + 1].all()
        pairs = {sequence[left + k] + sequence[right - k] for k in range(stem)}
        assert pairs <= CANONICAL and 3 <= right - left + 1 - 2 * stem <= 4


def test_hard_rnas_hold_wobbles_and_mismatches_and_no_composition() -> None:
    numbers = np.random.default_rng(0)
    sequences = [stem_loop_rna(1.0, 400, numbers)[0] for _ in range(300)]
    letters = "".join(sequences)
    shares = [letters.count(letter) / len(letters) for letter in "ACGU"]
    assert shares == pytest.approx([0.25] * 4, abs=0.015)
    strand = np.array([0, 1, 2, 3] * 2000)
    other, _ = stem_loops._enclosed(strand, stem_loops._unpaired(3, 4, numbers), 1.0, numbers)
    after = other[-len(strand) :][::-1]
    assert np.mean(after == 3 - strand) == pytest.approx(1 - 0.05 * 0.75 - 0.08 / 2, abs=0.02)


def test_what_is_cut_off_leaves_no_partner_behind() -> None:
    whole, paired = stem_loop_rna(0.0, 200, np.random.default_rng(1))
    right = np.flatnonzero(paired)[-1]
    cut, still = stem_loop_rna(0.0, int(right), np.random.default_rng(1))
    assert cut == whole[:right]
    assert still.sum() == paired.sum() - 2
