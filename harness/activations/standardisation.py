"""Mean and covariance of a layer, over the nucleotides of a stream, and the matrix that whitens it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.activations.stream import ActivationStream
from harness.errors import InputError

_CHUNK = 8192  # rows turned into float64 at a time
_USABLE = 1e-6  # of the root mean square deviation; a dimension that varies less is constant up to rounding
EIGENVALUE_FLOOR = 1e-4  # of the mean eigenvalue of the correlation matrix, which is 1


@dataclass(frozen=True)
class Standardisation:
    """Mean and covariance of one layer, over the training nucleotides.

    ``mean``: (width,) float64; ``covariance``: (width, width) float64. ``position_share``: share of the variance that
    the position in the sequence alone explains, adjusted for the number of positions; None where every position
    occurs once.
    """

    mean: NDArray[np.float64]
    covariance: NDArray[np.float64]
    nucleotides: int
    position_share: float | None

    @property
    def deviation(self) -> NDArray[np.float64]:
        """(width,): standard deviation of every dimension."""
        return np.sqrt(np.diag(self.covariance))

    @property
    def common_scale(self) -> float:
        """Root mean square of the deviations."""
        return float(np.sqrt(np.square(self.deviation).mean()))

    @property
    def scale(self) -> NDArray[np.float64]:
        """(width,): deviation of every dimension, and the common scale for one that does not vary."""
        return np.where(self.deviation > _USABLE * self.common_scale, self.deviation, self.common_scale)

    def whitening(self, floor: float = EIGENVALUE_FLOOR) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Symmetric matrices, (width, width), that remove the correlations of z-scored states, and bring them back.

        ZCA of the correlation matrix: eigenvalues l and vectors V give V l^(-1/2) V^T and its inverse. Of all matrices
        that whiten, this one keeps each dimension nearest to the z-scored one, and it depends on no sign, order or
        basis that an eigensolver chooses. An eigenvalue under ``floor`` counts as ``floor``: a direction without
        variance is stretched by 1 / sqrt(floor), not without limit, and the inverse exists always.
        """
        correlation = self.covariance / np.outer(self.scale, self.scale)
        eigenvalues, vectors = np.linalg.eigh(correlation)
        roots = np.sqrt(eigenvalues.clip(floor))
        return (vectors / roots) @ vectors.T, (vectors * roots) @ vectors.T

    @property
    def centre_ratio(self) -> float:
        """Norm of the mean over norm of the deviations; well over 1, uncentred training would lose most features."""
        return float(np.linalg.norm(self.mean) / np.linalg.norm(self.deviation))

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Everything in arrays, to be stored; a position share that is not known is NaN."""
        share = np.nan if self.position_share is None else self.position_share
        numbers = {"nucleotides": np.array(self.nucleotides), "position share": np.array(share)}
        return {"mean": self.mean, "covariance": self.covariance} | numbers

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Standardisation:
        """Undo :meth:`arrays`."""
        share = float(arrays["position share"])
        known = None if np.isnan(share) else share
        return cls(arrays["mean"], arrays["covariance"], int(arrays["nucleotides"]), known)

    @classmethod
    def fit(cls, stream: ActivationStream) -> dict[int, Standardisation]:
        """One pass over all nucleotides of the stream, for all of its layers at once. Exact (Chan et al. 1983).

        Memory: width * (width + longest sequence) numbers per layer.

        Raises:
            InputError: a layer does not vary, or its activations are not finite.
        """
        moments = {layer: _Moments(stream.width, stream.longest) for layer in stream.layers}
        for block in stream.blocks():
            for layer, hidden in block.hidden.items():
                for start in range(0, len(hidden), _CHUNK):
                    rows = slice(start, start + _CHUNK)
                    moments[layer].add(hidden[rows].astype(np.float64), block.origin[rows, 1])
        return {layer: moment.result(layer) for layer, moment in moments.items()}

    @classmethod
    def of(cls, x: NDArray[np.float32]) -> Standardisation:
        """Of (n, width) rows in memory that have no position."""
        rows = x.astype(np.float64)
        return cls(rows.mean(0), np.cov(rows, rowvar=False, bias=True), len(rows), None)


class _Moments:
    """Running mean, sums of squares and products, and per-position sums."""

    def __init__(self, width: int, positions: int) -> None:
        self.count = 0
        self.positions = positions
        self.mean = np.zeros(width)
        self.products = np.zeros((width, width))
        self.position_counts = np.zeros(positions, dtype=np.int64)
        self.position_sums = np.zeros((positions, width))

    def add(self, x: NDArray[np.float64], positions: NDArray[np.int64]) -> None:
        from scipy.sparse import csr_array

        total = self.count + len(x)
        mean = x.mean(0)
        difference = mean - self.mean
        centred = x - mean
        self.products += centred.T @ centred + np.outer(difference, difference) * (self.count * len(x) / total)
        self.mean += difference * len(x) / total
        self.count = total
        self.position_counts += np.bincount(positions, minlength=self.positions)
        members = csr_array((np.ones(len(x)), (positions, np.arange(len(x)))), (self.positions, len(x)))
        self.position_sums += np.asarray(members @ x)

    def result(self, layer: int) -> Standardisation:
        if not np.isfinite(self.products).all():
            raise InputError(f"layer {layer}: activations are not finite; run the model in float32 or leave it out")
        if not self.products.any():
            raise InputError(f"layer {layer}: activations do not vary; choose another layer")
        return Standardisation(self.mean, self.products / self.count, self.count, self._position_share())

    def _position_share(self) -> float | None:
        seen = self.position_counts > 0
        counts = self.position_counts[seen, None]
        if self.count == len(counts):
            return None
        means = self.position_sums[seen] / counts
        squares = np.trace(self.products)
        within = squares - (counts * (means - self.mean) ** 2).sum()
        unexplained = within / (self.count - len(counts)) / (squares / (self.count - 1))
        return float(max(0.0, 1 - unexplained))
