"""Sparse forward and backward passes: which features are active, their values, and what they decode to.

A code of B nucleotides over m features has about B * k non-zeros. Only the encoder product, which finds them, is
dense; decoding and all weight gradients touch the non-zeros alone. Weights of encoder and decoder are both
``(features, width)``, so that one feature is one contiguous row in each.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

if TYPE_CHECKING:
    import scipy.sparse

_SAMPLE_STRIDE = 61  # prime, so that a strided sample runs through all features
JUMP_BANDWIDTH = 0.05  # width of the kernel that gives the jump its gradient; pre-activations are of order 1

with warnings.catch_warnings():  # PyTorch says once per process that CSR tensors are in beta: let it be here, unheard
    warnings.simplefilter("ignore")
    torch.sparse_csr_tensor([0, 0], [], [], (1, 1))


@dataclass(frozen=True)
class SparseCode:
    """Codes of n nucleotides in CSR form.

    ``pointers`` (n + 1,) int64: the non-zeros of nucleotide i are those from pointers[i] to pointers[i + 1];
    ``indices`` (non-zeros,) int64: feature, rising within a nucleotide; ``values`` (non-zeros,) float32, over 0.
    """

    pointers: Tensor
    indices: Tensor
    values: Tensor
    features: int

    def __len__(self) -> int:
        return len(self.pointers) - 1

    def to_dense(self) -> Tensor:
        """(n, features) float32."""
        dense = self.values.new_zeros(len(self), self.features)
        dense[row_indices(self.pointers), self.indices] = self.values
        return dense

    def to_scipy(self) -> scipy.sparse.csr_array:
        """The same code as a SciPy array, (n, features) float32."""
        import scipy.sparse

        parts = (self.values.cpu().numpy(), self.indices.cpu().numpy(), self.pointers.cpu().numpy())
        return scipy.sparse.csr_array(parts, shape=(len(self), self.features))


def row_indices(pointers: Tensor) -> Tensor:
    """Row of every non-zero, from the row pointers."""
    rows = torch.arange(len(pointers) - 1, device=pointers.device)
    return rows.repeat_interleave(pointers.diff())


def positions(mask: Tensor) -> Tensor:
    """Where a one-dimensional mask is true. On a CPU NumPy finds them three times as fast."""
    if mask.device.type == "cpu":
        return torch.from_numpy(np.flatnonzero(mask.numpy()))
    return mask.nonzero().squeeze(1)


def split_flat(flat: Tensor, rows: int, features: int) -> tuple[Tensor, Tensor]:
    """Row pointers and features of sorted positions in a flattened (rows, features) array."""
    counts = torch.bincount(flat // features, minlength=rows)
    return functional.pad(counts.cumsum(0), (1, 0)), flat % features


def select_batch_top_k(scores: Tensor, k: int) -> Tensor:
    """Positions, in the flattened array and sorted, of the B * k largest positive entries of (B, features).

    A threshold estimated from a sample leaves few candidates, among which the choice is exact. Where the estimate
    is too high the whole array is searched, so that the result is exact always. Of equal scores the first are taken.
    """
    flat = scores.reshape(-1)
    wanted = len(scores) * k
    sample = flat[::_SAMPLE_STRIDE].float()
    rank = min(len(sample), int(1.15 * len(sample) * wanted / len(flat)) + 20)
    threshold = sample.topk(rank, sorted=False).values.min()
    candidates = positions(flat >= threshold) if threshold > 0 else positions(flat > 0)
    if len(candidates) < wanted and threshold > 0:
        candidates = positions(flat > 0)
    if len(candidates) <= wanted:
        return candidates
    values = flat.index_select(0, candidates).float()
    smallest = values.topk(wanted, sorted=False).values.min()
    kept = values > smallest
    kept[positions(values == smallest)[: wanted - int(kept.sum())]] = True
    return candidates[kept]


def select_row_top_k(scores: Tensor, k: int) -> Tensor:
    """Positions, in the flattened array and sorted, of the k largest positive entries of every row."""
    values, indices = scores.topk(k, dim=1, sorted=False)
    starts = torch.arange(len(scores), device=scores.device).unsqueeze(1) * scores.shape[1]
    return (indices + starts)[values > 0].sort().values


def _products(pointers: Tensor, indices: Tensor, left: Tensor, right: Tensor) -> Tensor:
    """left[row] . right[index] for every non-zero."""
    pattern = torch.sparse_csr_tensor(
        pointers, indices, left.new_zeros(len(indices)), (len(left), len(right)), check_invariants=False
    )
    products: Tensor = torch.sparse.sampled_addmm(pattern, left, right.t(), beta=0.0).values()
    return products


def _weighted_rows(pointers: Tensor, indices: Tensor, values: Tensor, matrix: Tensor) -> Tensor:
    """For every row of the code, the sum of ``values * matrix[indices]``."""
    return functional.embedding_bag(
        indices, matrix, pointers, mode="sum", per_sample_weights=values, include_last_offset=True
    )


def _stable_order(indices: Tensor, features: int) -> Tensor:
    """The order that sorts features. On a CPU NumPy sorts numbers of 16 bits by radix, several times as fast."""
    if indices.device.type == "cpu" and features <= np.iinfo(np.uint16).max:
        return torch.from_numpy(np.argsort(indices.numpy().astype(np.uint16), kind="stable"))
    return indices.argsort(stable=True)


def _transposed(pointers: Tensor, indices: Tensor, features: int) -> tuple[Tensor, Tensor, Tensor]:
    """CSC form: pointers per feature, rows, and the order that sorts the non-zeros by feature."""
    order = _stable_order(indices, features)
    counts = torch.bincount(indices, minlength=features)
    return functional.pad(counts.cumsum(0), (1, 0)), row_indices(pointers).index_select(0, order), order


class _SparseAutoencode(torch.autograd.Function):
    """(values, reconstruction) of the active features, and the gradients of all four weights."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, encoder: Tensor, bias: Tensor, decoder: Tensor, pointers: Tensor, indices: Tensor
    ) -> tuple[Tensor, Tensor]:
        values = (_products(pointers, indices, x, encoder) + bias.index_select(0, indices)).clamp_min(0)
        ctx.save_for_backward(x, encoder, decoder, pointers, indices, values)
        return values, _weighted_rows(pointers, indices, values, decoder)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        by_values, by_reconstruction = gradients[0], gradients[1].contiguous()
        x, encoder, decoder, pointers, indices, values = ctx.saved_tensors
        by_active = by_values + _products(pointers, indices, by_reconstruction, decoder)
        by_active = torch.where(values > 0, by_active, 0)
        columns, rows, order = _transposed(pointers, indices, len(encoder))
        encoder_gradient = _weighted_rows(columns, rows, by_active.index_select(0, order), x)
        decoder_gradient = _weighted_rows(columns, rows, values.index_select(0, order), by_reconstruction)
        bias_gradient = torch.bincount(indices, weights=by_active, minlength=len(encoder)).to(x.dtype)
        return None, encoder_gradient, bias_gradient, decoder_gradient, None, None


def sparse_autoencode(
    x: Tensor, encoder: Tensor, bias: Tensor, decoder: Tensor, pointers: Tensor, indices: Tensor
) -> tuple[Tensor, Tensor]:
    """Values of the given active features and what they decode to (without the decoder bias).

    ``x`` (n, width) gets no gradient; ``encoder``, ``decoder`` (features, width), ``bias`` (features,);
    ``pointers``, ``indices`` as in :class:`SparseCode`. Returns (non-zeros,) and (n, width).
    """
    values, reconstruction = _SparseAutoencode.apply(x, encoder, bias, decoder, pointers, indices)
    return values, reconstruction


def decode(code: SparseCode, decoder: Tensor) -> Tensor:
    """(n, width): the sum of decoder rows weighted by the code. No gradient."""
    return _weighted_rows(code.pointers, code.indices, code.values, decoder)


class _Jump(torch.autograd.Function):
    """JumpReLU and its L0, with the straight-through gradients of Rajamanoharan et al. (arXiv 2407.14435)."""

    @staticmethod
    def forward(ctx: Any, scores: Tensor, threshold: Tensor) -> tuple[Tensor, Tensor]:
        ctx.save_for_backward(scores, threshold)
        active = (scores > threshold).to(scores.dtype)
        return scores * active, active

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor]:
        scores, threshold = ctx.saved_tensors
        kernel = ((scores - threshold).abs() < JUMP_BANDWIDTH / 2).to(scores.dtype) / JUMP_BANDWIDTH
        by_threshold = -(kernel * (threshold * gradients[0] + gradients[1])).sum(0)
        return gradients[0] * (scores > threshold), by_threshold


def jump(scores: Tensor, threshold: Tensor) -> tuple[Tensor, Tensor]:
    """Scores over their feature's threshold, else 0; and the indicator of being over it. Both (n, features)."""
    values, active = _Jump.apply(scores, threshold)
    return values, active
