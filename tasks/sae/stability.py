"""Which features several autoencoders share that differ in their seed alone: by decoder rows, and by activations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal, TypeVar

import numpy as np
import scipy.sparse
import torch
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from torch.nn import functional

from harness.errors import InputError
from tasks.sae.autoencoder.model import SparseAutoencoder

STABLE = 0.7
"""A matched feature counts as shared over this cosine (or correlation)."""
VERY_STABLE = 0.9

Space = Literal["standardised", "raw"]
Matrix = NDArray[np.float32]
Codes = scipy.sparse.csr_array
Kind = TypeVar("Kind")


@dataclass(frozen=True)
class Stability:
    """Agreement of n autoencoders of m features each, over all pairs; every pair is matched one to one (Hungarian).

    ``matched`` (n, m): per feature the mean over the other autoencoders of the similarity to its partner there; NaN
    for a feature that is left out as dead. ``stable`` (n, m) bool: similarity over 0.7 to the partner in every other
    autoencoder. ``shares`` and ``shares_strict`` (pairs,): share of features matched over 0.7 and over 0.9.
    ``pw_mcc`` (pairs,): mean similarity of matched features.
    """

    matched: NDArray[np.float64]
    stable: NDArray[np.bool_]
    shares: NDArray[np.float64]
    shares_strict: NDArray[np.float64]
    pw_mcc: NDArray[np.float64]

    @property
    def share(self) -> float:
        """Share over 0.7, mean over pairs."""
        return float(self.shares.mean())

    @property
    def share_strict(self) -> float:
        """Share over 0.9, mean over pairs."""
        return float(self.shares_strict.mean())


def decoder_stability(
    autoencoders: Sequence[SparseAutoencoder], space: Space = "standardised", live: NDArray[np.bool_] | None = None
) -> Stability:
    """By the cosine of decoder rows, in the space of training or in that of the model's hidden states.

    In the space of training only directions count in which states vary: along the others no training moves a decoder,
    and no feature can be told from another.

    Args:
        autoencoders: two or more of one layer, of one width and number of features.
        live: (autoencoders, features); features that are dead are matched with none, and no share counts them.
    """
    return _compare([_decoder_rows(autoencoder, space) for autoencoder in autoencoders], _cosines, live)


def chance_stability(
    autoencoders: Sequence[SparseAutoencoder], space: Space = "standardised", live: NDArray[np.bool_] | None = None
) -> Stability:
    """The same for random unit rows in the place of the decoders, as many as are live: what no training gives.

    In the raw space those rows are brought back like a decoder, and so lie along the directions of large variance.
    """
    rows = []
    for number, autoencoder in enumerate(autoencoders):
        generator = torch.Generator().manual_seed(1_000_003 + number)
        random = torch.randn(autoencoder.decoder.shape, generator=generator).to(autoencoder.decoder.device)
        rows.append(_unit(autoencoder, random, space))
    return _compare(rows, _cosines, live)


def activation_stability(codes: Sequence[Codes], live: NDArray[np.bool_] | None = None) -> Stability:
    """By the correlation of activations on the same nucleotides.

    ``codes``: per autoencoder (nucleotides, features), sparse. Memory O(non-zeros + features²). A feature that does
    not vary correlates with none.
    """
    return _compare(codes, activation_correlations, live)


def chance_activation_stability(codes: Sequence[Codes]) -> Stability:
    """The same where each code but the first is moved along the nucleotides, so that no two are of the same ones."""
    count = codes[0].shape[0]
    moves = [np.roll(np.arange(count), count * number // len(codes)) for number in range(len(codes))]
    return _compare([code[move] for code, move in zip(codes, moves, strict=True)], activation_correlations, None)


def activation_correlations(first: Codes, second: Codes) -> Matrix:
    """(features, features): Pearson correlation of every column of ``first`` with every column of ``second``."""
    count = first.shape[0]
    products = np.asarray((first.T @ second).todense(), dtype=np.float64)
    means, deviations = [], []
    for code in (first, second):
        mean = np.asarray(code.sum(0), dtype=np.float64) / count
        squares = np.asarray(code.multiply(code).sum(0), dtype=np.float64) / count
        means.append(mean)
        deviations.append(np.sqrt((squares - mean**2).clip(0)))
    covariances = products / count - np.outer(*means)
    scale = np.outer(*deviations)
    return np.divide(covariances, scale, out=np.zeros_like(covariances), where=scale > 1e-12).astype(np.float32)


def start_cosines(autoencoder: SparseAutoencoder) -> NDArray[np.float32]:
    """(features,): cosine of every decoder row with its own random start; near 1, nothing was learned."""
    start = SparseAutoencoder(autoencoder.width, autoencoder.config, autoencoder.seed).decoder.detach()
    rows: Matrix = functional.cosine_similarity(autoencoder.decoder.detach().cpu(), start).numpy()
    return rows


def _decoder_rows(autoencoder: SparseAutoencoder, space: Space) -> Matrix:
    return _unit(autoencoder, autoencoder.decoder.detach(), space)


def _unit(autoencoder: SparseAutoencoder, rows: torch.Tensor, space: Space) -> Matrix:
    placed = autoencoder.to_raw(rows) if space == "raw" else autoencoder.varying_part(rows)
    unit: Matrix = functional.normalize(placed).cpu().numpy()
    return unit


def _cosines(first: Matrix, second: Matrix) -> Matrix:
    return first @ second.T


def _compare(
    members: Sequence[Kind], similarity: Callable[[Kind, Kind], Matrix], live: NDArray[np.bool_] | None
) -> Stability:
    if len(members) < 2:
        raise InputError("stability compares autoencoders of several seeds: give two or more")
    found: dict[tuple[int, int], NDArray[np.float64]] = {}
    shares, strict, agreement = [], [], []
    for a, b in combinations(range(len(members)), 2):
        similarities = similarity(members[a], members[b])
        kept = [np.arange(len(similarities)) if live is None else np.flatnonzero(live[side]) for side in (a, b)]
        rows, columns = linear_sum_assignment(similarities[np.ix_(*kept)], maximize=True)
        partners = kept[0][rows], kept[1][columns]
        values = similarities[partners].astype(np.float64)
        found[a, b], found[b, a] = np.zeros(len(similarities)), np.zeros(similarities.shape[1])
        found[a, b][partners[0]] = found[b, a][partners[1]] = values
        size = max(1.0, (len(kept[0]) + len(kept[1])) / 2)  # where one has more live features, the surplus is unmatched
        shares.append((values > STABLE).sum() / size)
        strict.append((values > VERY_STABLE).sum() / size)
        agreement.append(values.sum() / size)
    matched = np.stack([np.mean([v for (side, _), v in found.items() if side == a], 0) for a in range(len(members))])
    lowest = np.stack([np.min([v for (side, _), v in found.items() if side == a], 0) for a in range(len(members))])
    if live is not None:
        matched = np.where(live, matched, np.nan)
    return Stability(matched, lowest > STABLE, np.array(shares), np.array(strict), np.array(agreement))
