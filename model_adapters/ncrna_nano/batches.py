"""Training batches: families weighted against their size, sequences of like length together, nucleotides masked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from model_adapters.ncrna_nano.split import SeedSequence

PAD, CLS, EOS, MASK, N = 0, 1, 2, 4, 10
NUCLEOTIDES = {"A": 6, "C": 7, "G": 8, "U": 9, "N": N}
"""Token ids of multimolecule's RnaTokenizer with its default alphabet of 28."""

IGNORED = -100
POOL = 2048
"""Sequences drawn at a time; a checkpoint falls between two pools."""


def sampling_weights(families: Sequence[str]) -> np.ndarray:
    """Probability of each sequence, (sequences,) float64: a family of n sequences weighs sqrt(n), not n."""
    sizes = Counter(families)
    weights = np.array([sizes[family] ** -0.5 for family in families])
    return weights / weights.sum()


def draw_pool(
    sequences: Sequence[SeedSequence], weights: np.ndarray, longest: int, tokens: int, generator: np.random.Generator
) -> list[list[str]]:
    """POOL sequences of at most ``longest`` nt, drawn by weight, as batches in random order.

    A batch holds sequences of like length, at most ``tokens`` tokens with padding.
    """
    allowed = np.array([len(entry.sequence) <= longest for entry in sequences])
    probabilities = np.where(allowed, weights, 0.0)
    drawn = generator.choice(len(sequences), size=POOL, p=probabilities / probabilities.sum())
    batches = list(token_batches([sequences[index].sequence for index in drawn], tokens))
    generator.shuffle(batches)
    return batches


def token_batches(sequences: Sequence[str], tokens: int) -> Iterator[list[str]]:
    """The sequences by length, in batches of at most ``tokens`` tokens, special and padding tokens counted."""
    batch: list[str] = []
    for sequence in sorted(sequences, key=len):
        if batch and (len(batch) + 1) * (len(sequence) + 2) > tokens:
            yield batch
            batch = []
        batch.append(sequence)
    if batch:
        yield batch


def encode(sequences: Sequence[str]) -> Tensor:
    """Token ids (sequences, longest + 2) int64: CLS, nucleotides, EOS, padding."""
    ids = torch.full((len(sequences), max(map(len, sequences)) + 2), PAD)
    for row, sequence in enumerate(sequences):
        ids[row, : len(sequence) + 2] = torch.tensor([CLS, *(NUCLEOTIDES[letter] for letter in sequence), EOS])
    return ids


def mask_nucleotides(
    ids: Tensor, share: float, generator: torch.Generator, corrupt: bool = True
) -> tuple[Tensor, Tensor]:
    """Hide each nucleotide (never N or a special token) with probability ``share``.

    With ``corrupt``, as in training, a hidden position shows the mask in 80 %, a random nucleotide in 10 % and itself
    in 10 % of cases; without it always the mask.

    Returns:
        The masked ids, and labels that hold the true id at hidden positions and -100 elsewhere; shapes as ``ids``.
    """
    nucleotide = (ids >= NUCLEOTIDES["A"]) & (ids <= NUCLEOTIDES["U"])
    hidden = nucleotide & (torch.rand(ids.shape, generator=generator) < share)
    labels = ids.masked_fill(~hidden, IGNORED)
    fate = torch.rand(ids.shape, generator=generator)
    masked = ids.masked_fill(hidden & (fate < 0.8) if corrupt else hidden, MASK)
    random = torch.randint(NUCLEOTIDES["A"], NUCLEOTIDES["U"] + 1, ids.shape, generator=generator)
    return (torch.where(hidden & (fate >= 0.9), random, masked) if corrupt else masked), labels
