"""Tokens to nucleotides, against plain loops; the examples of docs/adapters.md."""

from __future__ import annotations

import doctest
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from harness.sequences.pieces import Pieces


@st.composite
def cut(draw: st.DrawFn) -> Pieces:
    """Overlapping k-mers, or pieces of random widths side by side."""
    if draw(st.booleans()):
        k = draw(st.integers(1, 4))
        starts = np.arange(draw(st.integers(1, 12)))
        ends = starts + k
    else:
        ends = np.cumsum(draw(st.lists(st.integers(1, 5), min_size=1, max_size=8)))
        starts = np.concatenate([[0], ends[:-1]])
    return Pieces(int(ends[-1]), np.zeros(len(starts), dtype=np.int64), starts, ends)


@given(cut())
def test_a_nucleotide_is_the_mean_of_the_tokens_that_cover_it(pieces: Pieces) -> None:
    states = np.arange(len(pieces.ids) * 2, dtype=np.float32).reshape(-1, 2) ** 2
    found = pieces.spread(states)
    covering = [
        [token for token, (start, end) in enumerate(zip(pieces.starts, pieces.ends, strict=True)) if start <= i < end]
        for i in range(pieces.length)
    ]
    for nucleotide, tokens in enumerate(covering):
        assert pieces.covering(nucleotide).tolist() == tokens
        np.testing.assert_allclose(found[nucleotide], sum(states[t] for t in tokens) / len(tokens), rtol=1e-6)
    for i, first in enumerate(covering):
        for j, second in enumerate(covering):
            assert (pieces.groups[i] == pieces.groups[j]) == (first == second)


@given(cut())
def test_rows_of_attention_keep_their_sums(pieces: Pieces) -> None:
    tokens = len(pieces.ids)
    attention = np.random.default_rng(tokens).dirichlet(np.ones(tokens), tokens).astype(np.float32)
    maps = pieces.coverage @ attention @ pieces.reading
    assert maps.shape == (pieces.length, pieces.length)
    np.testing.assert_allclose(maps.sum(axis=1), 1, atol=1e-5)


def test_the_examples_of_the_adapter_docs_hold() -> None:
    page = Path(__file__).parents[3] / "docs" / "adapters.md"
    failed, tried = doctest.testfile(str(page), module_relative=False)
    assert failed == 0 and tried == 11
