import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from scripts.ncrna_nano import batches
from scripts.ncrna_nano.batches import (
    IGNORED,
    MASK,
    draw_family_pairs,
    encode,
    mask_nucleotides,
    pair_batches,
    token_batches,
)
from scripts.ncrna_nano.split import SeedSequence


def test_encode_is_the_tokenizer_of_multimolecule() -> None:
    from multimolecule import RnaTokenizer

    sequences = ["ACGUN", "GG"]
    expected = RnaTokenizer()(sequences, return_tensors="pt", padding=True)["input_ids"]
    assert encode(sequences).tolist() == expected.tolist()


@given(st.lists(st.text("ACGU", min_size=1, max_size=60), min_size=1, max_size=50), st.integers(70, 300))
def test_token_batches_keep_all_and_respect_the_budget(sequences: list[str], tokens: int) -> None:
    found = list(token_batches(sequences, tokens))
    assert sorted(s for batch in found for s in batch) == sorted(sequences)
    assert all(encode(batch).numel() <= tokens for batch in found)


def test_families_weigh_the_root_of_their_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "FAMILIES", 1)
    entries = [SeedSequence(str(i), "large" if i < 16 else "small", "ACGU" * (i + 1)) for i in range(20)]
    drawn = [draw_family_pairs(entries, 512, np.random.default_rng(seed))[0] for seed in range(600)]
    large = sum(len(first) <= 64 for first, _ in drawn) / len(drawn)
    assert abs(large - 4 / 6) < 0.06


def test_pairs_are_two_short_members_of_one_family_and_seeded() -> None:
    letters = {"a": "AC", "b": "GU", "single": "AG"}
    entries = [
        SeedSequence(f"{family}{i}", family, letters[family] * (i + 3))
        for family in letters
        for i in range(1 if family == "single" else 5)
    ]
    pairs = draw_family_pairs(entries, 10, np.random.default_rng(3))
    assert pairs == draw_family_pairs(entries, 10, np.random.default_rng(3))
    assert len(pairs) == 3
    for first, second in pairs:
        assert set(first) == set(second) and max(len(first), len(second)) <= 10
        assert (first == second) == (set(first) == set("AG"))


@given(
    st.lists(st.tuples(*[st.text("ACGU", min_size=1, max_size=60)] * 2), min_size=1, max_size=30), st.integers(130, 400)
)
def test_pair_batches_keep_pairs_together_and_the_budget(pairs: list[tuple[str, str]], tokens: int) -> None:
    found = list(pair_batches(pairs, tokens))
    kept = [(batch[i], batch[i + 1]) for batch in found for i in range(0, len(batch), 2)]
    assert sorted(kept) == sorted(pairs)
    assert all(encode(batch).numel() <= tokens for batch in found)


def test_masking_hides_nucleotides_only_and_in_the_stated_shares() -> None:
    ids = encode(["ACGUN" * 4000, "ACGU"])
    masked, labels = mask_nucleotides(ids, 0.3, torch.Generator().manual_seed(0))
    hidden = labels != IGNORED
    nucleotide = (ids >= 6) & (ids <= 9)
    assert not (hidden & ~nucleotide).any()
    assert torch.equal(labels[hidden], ids[hidden]) and torch.equal(masked[~hidden], ids[~hidden])
    assert abs(hidden.sum() / nucleotide.sum() - 0.3) < 0.015
    shown = masked[hidden]
    assert abs((shown == MASK).float().mean() - 0.8) < 0.02
    assert abs((shown == ids[hidden]).float().mean() - 0.125) < 0.02


def test_masking_without_corruption_shows_the_mask_alone() -> None:
    ids = encode(["ACGU" * 200])
    masked, labels = mask_nucleotides(ids, 0.15, torch.Generator().manual_seed(0), corrupt=False)
    assert torch.equal(masked == MASK, labels != IGNORED)
