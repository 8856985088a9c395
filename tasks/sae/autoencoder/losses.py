"""The training loss: share of variance left, sparsity, and AuxK for dead features. All in the standardised space."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def unexplained_share(x: Tensor, reconstruction: Tensor, mean: Tensor) -> Tensor:
    """Sum of squared errors over sum of squared distances to ``mean`` (the training mean, (width,)).

    0 for the identity, 1 for the mean, whatever the width and the scale of ``x`` (n, width).
    """
    return _squared_distance(reconstruction, x) / _squared_distance(x, mean.expand_as(x))


def auxiliary_loss(
    x: Tensor, reconstruction: Tensor, mean: Tensor, encoder: Tensor, bias: Tensor, decoder: Tensor, dead: Tensor
) -> Tensor:
    """AuxK: how much of the residual the dead features leave, on the scale of :func:`unexplained_share`.

    The strongest width / 2 dead features of each nucleotide decode the residual, which is detached, without the
    decoder bias (the residual holds it already). The gradient reaches encoder and decoder rows of dead features
    only. With no active dead feature the result equals the unexplained share.

    Source: Gao et al., "Scaling and evaluating sparse autoencoders" (arXiv 2406.04093), appendix A.2.
    """
    residual = (x - reconstruction).detach()
    chosen = dead.nonzero().squeeze(1)
    scores = functional.linear(x, encoder[chosen], bias[chosen]).relu()
    limit = x.shape[1] // 2
    if len(chosen) > limit:
        kept = torch.zeros_like(scores, dtype=torch.bool).scatter_(1, scores.topk(limit, sorted=False).indices, True)
        scores = scores * kept
    return _squared_distance(scores @ decoder[chosen], residual) / _squared_distance(x, mean.expand_as(x))


def _squared_distance(first: Tensor, second: Tensor) -> Tensor:
    """Sum of squared differences, in one pass forward and one backward."""
    return functional.mse_loss(first, second, reduction="sum")
