from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from model_adapters.encoder import head
from model_adapters.encoder.head import LanguageModelHead, MaskedTokens
from model_adapters.encoder.tokens import TokenReader, token_reader
from tests.model_adapters.encoder.token_models import entry_of

THREE = entry_of("utrbert-3mer")
READER = token_reader(THREE, None)


def linear_head(reader: TokenReader, scale: float = 1) -> LanguageModelHead:
    torch.manual_seed(0)
    module = nn.Linear(5, len(reader.vocabulary)).requires_grad_(False)
    module.weight.mul_(scale)
    # a head of plain tensors, as those of transformers are
    return LanguageModelHead(THREE.architecture.model_copy(update={"library": "transformers"}), module, reader)


@given(st.text("ACGU", min_size=3, max_size=30), st.data())
def test_no_token_that_shows_a_position_stays(sequence: str, data: st.DataObject) -> None:
    positions = data.draw(st.lists(st.integers(0, len(sequence) - 1)))
    pieces = READER.read(sequence)
    masked = MaskedTokens(pieces, positions)
    shown = [t for t in range(len(pieces.ids)) if any(t <= position < t + 3 for position in positions)]
    assert masked.tokens.tolist() == shown
    assert masked.widths.tolist() == [3] * len(shown)
    values = masked.log_probs(np.random.default_rng(0).random((len(shown), 3, 4)))
    assert values.shape == (len(positions), 4)
    np.testing.assert_allclose(np.exp(values).sum(axis=1), 1, atol=1e-5)


@given(st.text("ACGUN", min_size=12, max_size=30))
def test_every_position_is_the_mean_over_the_tokens_that_cover_it(sequence: str) -> None:
    """By loops, for overlapping 3-mers and for 6-mers that an N splits into single letters."""
    for entry in (THREE, entry_of("nucleotide-transformer")):
        reader = token_reader(entry, None)
        own, pieces = linear_head(reader), reader.read(sequence)
        torch.manual_seed(1)
        hidden = torch.randn(len(pieces.ids), 5)
        marginals = own.marginals(hidden, pieces.ends - pieces.starts)
        for position, values in enumerate(own.every_position(hidden, pieces)):
            tokens = [t for t, (a, b) in enumerate(zip(pieces.starts, pieces.ends, strict=True)) if a <= position < b]
            mean = np.mean([marginals[t, position - pieces.starts[t]] for t in tokens], axis=0)
            np.testing.assert_allclose(values, np.log(mean / mean.sum()), rtol=1e-5)


def test_parts_of_a_batch_are_the_whole() -> None:
    own = linear_head(READER)
    hidden, widths = torch.randn(7, 5), np.full(7, 3)
    whole = own.marginals(hidden, widths)
    assert whole.shape == (7, 3, 4)
    rows = head._ROWS
    try:
        head._ROWS = 2
        np.testing.assert_allclose(own.marginals(hidden, widths), whole, rtol=1e-6)
    finally:
        head._ROWS = rows
    assert own.marginals(hidden[:0], widths[:0]).shape == (0, 0, 4)


def test_tokens_of_different_widths_keep_apart() -> None:
    entry = entry_of("nucleotide-transformer")
    reader = token_reader(entry, None)
    own = linear_head(reader)
    hidden = torch.randn(3, 5)
    mixed = own.marginals(hidden, np.array([6, 1, 6]))
    np.testing.assert_allclose(mixed[1, 0], own.marginals(hidden[1:2], np.array([1]))[0, 0], rtol=1e-6)
    assert not mixed[1, 1:].any()
    # all 6-mers have a base at every place
    np.testing.assert_allclose(mixed[0].sum(axis=-1), mixed[0, 0].sum(), rtol=1e-9)


def test_very_sure_heads_give_no_infinities() -> None:
    own = linear_head(READER, scale=200)
    masked = MaskedTokens(READER.read("ACGUA"), [0])
    values = masked.log_probs(own.marginals(torch.randn(1, 5), masked.widths))
    assert np.isfinite(values).all() and values.min() < -20
