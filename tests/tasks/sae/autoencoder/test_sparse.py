"""Sparse passes against dense ones; selection against a plain sort."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tasks.sae.autoencoder.sparse import (
    SparseCode,
    _stable_order,
    decode,
    jump,
    positions,
    select_batch_top_k,
    select_row_top_k,
    sparse_autoencode,
    split_flat,
)


def slow_top_k(scores, k):
    """Indices of the k largest positive entries of a flat tensor, the first of equals first."""
    order = torch.argsort(-scores, stable=True)
    return torch.tensor(sorted(i for i in order[:k].tolist() if scores[i] > 0), dtype=torch.long)


@given(
    hnp.arrays("float32", st.tuples(st.integers(1, 12), st.integers(2, 40)), elements=st.integers(-3, 6).map(float)),
    st.integers(1, 8),
)
@settings(max_examples=150)
def test_batch_top_k_is_exact_with_ties_and_few_positives(array, k):
    scores = torch.from_numpy(array)
    k = min(k, scores.shape[1])
    assert select_batch_top_k(scores, k).equal(slow_top_k(scores.flatten(), k * len(scores)))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_batch_top_k_falls_back_where_the_sample_misleads(dtype):
    scores = torch.rand(64, 61, generator=torch.Generator().manual_seed(0)).to(dtype)
    scores[:, 0] += 5  # the sample has stride 61: it sees this column and no other
    chosen = select_batch_top_k(scores, 4)
    assert chosen.equal(slow_top_k(scores.flatten(), 256))


def test_row_top_k():
    scores = torch.randn(30, 17, generator=torch.Generator().manual_seed(0))
    scores[3] = -1
    expected = torch.cat([slow_top_k(row, 5) + 17 * i for i, row in enumerate(scores)])
    assert select_row_top_k(scores, 5).equal(expected)


def test_positions():
    assert positions(torch.tensor([False, True, True])).tolist() == [1, 2]


def dense_autoencode(x, encoder, bias, decoder, mask):
    values = torch.relu(x @ encoder.t() + bias) * mask
    return values, values @ decoder


def test_forward_and_all_gradients_equal_the_dense_ones():
    generator = torch.Generator().manual_seed(0)
    rows, width, features = 23, 11, 37
    x = torch.randn(rows, width, generator=generator, dtype=torch.float64)
    weights = [torch.randn(*shape, generator=generator, dtype=torch.float64) for shape in [(features, width)] * 2]
    bias = torch.randn(features, generator=generator, dtype=torch.float64)
    scores = x @ weights[0].t() + bias
    flat = select_batch_top_k(scores, 3)
    flat = torch.cat([flat[flat // features != 5], torch.tensor([7])]).unique()  # an empty row; a score under 0
    mask = torch.zeros(rows * features, dtype=torch.float64)
    mask[flat] = 1
    pointers, indices = split_flat(flat, rows, features)
    by_values = torch.randn(len(flat), generator=generator, dtype=torch.float64)
    by_output = torch.randn(rows, width, generator=generator, dtype=torch.float64)

    def gradients(function):
        leaves = [t.clone().requires_grad_() for t in (weights[0], bias, weights[1])]
        values, output = function(*leaves)
        ((values * by_values).sum() + (output * by_output).sum()).backward()
        return [values.detach(), output.detach(), *(leaf.grad for leaf in leaves)]

    def sparse(encoder, bias, decoder):
        return sparse_autoencode(x, encoder, bias, decoder, pointers, indices)

    def dense(encoder, bias, decoder):
        values, output = dense_autoencode(x, encoder, bias, decoder, mask.view(rows, features))
        return values.flatten()[flat], output

    for ours, theirs in zip(gradients(sparse), gradients(dense), strict=True):
        torch.testing.assert_close(ours, theirs)


def test_code_forms_agree():
    dense = torch.tensor([[0.0, 2.0, 0.0], [0.0, 0.0, 0.0], [1.0, 0.0, 3.0]])
    flat = dense.flatten().nonzero().squeeze(1)
    code = SparseCode(*split_flat(flat, 3, 3), dense.flatten()[flat], 3)
    assert code.to_dense().equal(dense)
    assert (code.to_scipy().toarray() == dense.numpy()).all()
    decoder = torch.arange(12.0).view(3, 4)
    torch.testing.assert_close(decode(code, decoder), dense @ decoder)


def test_jump_values_and_straight_through_gradient():
    scores = torch.tensor([[0.49], [0.51], [2.0], [-1.0]], requires_grad=True)
    threshold = torch.tensor([0.5], requires_grad=True)
    values, over = jump(scores, threshold)
    assert values.flatten().tolist() == pytest.approx([0, 0.51, 2, 0]) and over.flatten().tolist() == [0, 1, 1, 0]
    (values.sum() + 2 * over.sum()).backward()
    assert scores.grad.flatten().tolist() == [0, 1, 1, 0]
    # two scores lie within half a bandwidth (0.025) of the threshold: -(0.5 + 2) / 0.05 each
    assert threshold.grad.item() == pytest.approx(-2 * 2.5 / 0.05)


@pytest.mark.parametrize("features", [9, 65_535, 65_536, 100_000])
def test_the_order_of_features_is_stable_for_any_width(features):
    indices = torch.randint(max(0, features - 300), features, (5000,), generator=torch.Generator().manual_seed(0))
    assert _stable_order(indices, features).equal(indices.argsort(stable=True))
