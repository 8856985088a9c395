"""An encoder whose last blocks are trained: a copy with low-rank adapters beside its linear maps, or all weights."""

from __future__ import annotations

from math import sqrt

import torch
from torch import Tensor, nn

from harness.adapter import Trainable
from model_adapters.encoder.network import Network


def trainable(network: Network, blocks: int, rank: int | None, seed: int) -> Trainable:
    """Of a network that nothing else uses, the parameters of its last blocks; without a rank their own weights.

    Low-rank adapters (Hu et al. 2021, LoRA): W x + B A x beside every linear map of a block, A random and B zero, so
    that training starts from the network as it is.
    """
    for parameter in network.model.parameters():
        parameter.requires_grad_(False)
    chosen = network.blocks[-blocks:]
    found: list[Tensor] = []
    if rank is None:
        found += [parameter.requires_grad_(True) for block in chosen for parameter in block.parameters()]
    else:
        generator = torch.Generator().manual_seed(seed)
        for block in chosen:
            for module in block.modules():
                if isinstance(module, nn.Linear):
                    found += _beside(module, rank, generator, network.device)
    return Trainable(found, network.last_states)


def _beside(module: nn.Linear, rank: int, generator: torch.Generator, device: torch.device) -> list[Tensor]:
    down = torch.randn(rank, module.in_features, generator=generator) / sqrt(module.in_features)
    own = [nn.Parameter(matrix.to(device)) for matrix in (down, torch.zeros(module.out_features, rank))]

    def add(_: nn.Module, given: tuple[Tensor, ...], output: Tensor) -> Tensor:
        change = given[0].to(own[0].dtype) @ own[0].T @ own[1].T
        return output + change.to(output.dtype)

    module.register_forward_hook(add)
    return [*own]
