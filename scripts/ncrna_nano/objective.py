"""What ncrna-nano is trained for: hidden nucleotides, and members of a family closer to each other than to others."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from scripts.ncrna_nano.batches import IGNORED, NUCLEOTIDES

FIRST, LAST = NUCLEOTIDES["A"], NUCLEOTIDES["U"]


def masked_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean cross-entropy in nats over the hidden positions. In fp32: bf16 was no faster at this width on a CPU.

    Args:
        logits: (sequences, tokens, vocabulary).
        labels: (sequences, tokens) int64, the true id at hidden positions and -100 elsewhere.
    """
    return nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=IGNORED)


def family_loss(hidden: Tensor, ids: Tensor, temperature: float) -> Tensor:
    """InfoNCE (van den Oord et al. 2018, eq. 4): each sequence has to find the other of its family in the batch.

    The embedding of a sequence is the mean of the last hidden states over its nucleotides; likeness is the cosine.

    Args:
        hidden: (sequences, tokens, width), the last hidden states; rows 2i and 2i + 1 are of one family.
        ids: (sequences, tokens) int64, before masking: tells nucleotides from special tokens.
        temperature: by which cosines are divided.
    """
    nucleotide = ((ids >= FIRST) & (ids <= LAST)).unsqueeze(-1).to(hidden)
    means = nn.functional.normalize((hidden * nucleotide).sum(1) / nucleotide.sum(1).clamp(min=1), dim=-1)
    likeness = (means @ means.T / temperature).fill_diagonal_(-torch.inf)
    partners = torch.arange(len(ids), device=ids.device) ^ 1
    return nn.functional.cross_entropy(likeness, partners)
