"""Training batches: families weighted against their size, sequences of like length together, nucleotides masked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from scripts.ncrna_nano.split import SeedSequence

PAD, CLS, EOS, MASK, N = 0, 1, 2, 4, 10
NUCLEOTIDES = {"A": 6, "C": 7, "G": 8, "U": 9, "N": N}
"""Token ids of multimolecule's RnaTokenizer with its default alphabet of 28."""

IGNORED = -100
FAMILIES = 512
"""Families drawn at a time, two sequences of each; a checkpoint falls between two such pools."""


def draw_family_pairs(
    sequences: Sequence[SeedSequence], longest: int, generator: np.random.Generator
) -> list[tuple[str, str]]:
    """Two sequences of at most ``longest`` nt from each of FAMILIES distinct families; of a single one it twice.

    A family of n sequences is drawn with weight sqrt(n), so that large families do not dominate.
    """
    members: dict[str, list[str]] = {}
    for entry in sequences:
        if len(entry.sequence) <= longest:
            members.setdefault(entry.family, []).append(entry.sequence)
    families = sorted(members)
    weights = np.sqrt([len(members[family]) for family in families])
    drawn = generator.choice(len(families), size=min(FAMILIES, len(families)), replace=False, p=weights / weights.sum())
    pairs = []
    for family in (members[families[index]] for index in drawn):
        first, second = generator.choice(len(family), size=2, replace=False) if len(family) > 1 else (0, 0)
        pairs.append((family[first], family[second]))
    return pairs


def pair_batches(pairs: Sequence[tuple[str, str]], tokens: int) -> Iterator[list[str]]:
    """The pairs by length, in batches of at most ``tokens`` tokens; the two of a pair follow each other."""
    batch: list[str] = []
    for pair in sorted(pairs, key=lambda pair: max(map(len, pair))):
        if batch and (len(batch) + 2) * (max(map(len, pair)) + 2) > tokens:
            yield batch
            batch = []
        batch.extend(pair)
    if batch:
        yield batch


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
