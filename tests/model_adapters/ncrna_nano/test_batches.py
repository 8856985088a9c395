import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from model_adapters.ncrna_nano.batches import (
    IGNORED,
    MASK,
    draw_pool,
    encode,
    mask_nucleotides,
    sampling_weights,
    token_batches,
)
from model_adapters.ncrna_nano.split import SeedSequence


def test_encode_is_the_tokenizer_of_multimolecule() -> None:
    from multimolecule import RnaTokenizer

    sequences = ["ACGUN", "GG"]
    expected = RnaTokenizer()(sequences, return_tensors="pt", padding=True)["input_ids"]
    assert encode(sequences).tolist() == expected.tolist()


def test_a_family_weighs_the_root_of_its_size() -> None:
    weights = sampling_weights(["a"] * 16 + ["b"] * 4)
    np.testing.assert_allclose([weights[:16].sum(), weights[16:].sum()], [4 / 6, 2 / 6])


@settings(deadline=None)
@given(st.lists(st.text("ACGU", min_size=1, max_size=60), min_size=1, max_size=50), st.integers(70, 300))
def test_token_batches_keep_all_and_respect_the_budget(sequences: list[str], tokens: int) -> None:
    batches = list(token_batches(sequences, tokens))
    assert sorted(s for batch in batches for s in batch) == sorted(sequences)
    assert all(encode(batch).numel() <= tokens for batch in batches)


def test_draw_pool_is_seeded_weighted_and_short() -> None:
    entries = [SeedSequence(str(i), "f", "ACGU" * (i + 1)) for i in range(4)]
    weights = np.array([0.5, 0.25, 0.25, 0.0])
    pools = [draw_pool(entries, weights, 8, 500, np.random.default_rng(3)) for _ in range(2)]
    drawn = [s for batch in pools[0] for s in batch]
    assert pools[0] == pools[1]
    assert set(drawn) == {"ACGU", "ACGUACGU"}
    assert abs(drawn.count("ACGU") / len(drawn) - 2 / 3) < 0.05


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
