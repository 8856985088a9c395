"""Mean and spread of every dimension of a layer, over the nucleotides of a stream."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.activations.stream import ActivationStream
from harness.errors import InputError

_CHUNK = 8192  # rows turned into float64 at a time


@dataclass(frozen=True)
class Standardisation:
    """Mean and standard deviation of every dimension of one layer, over the training nucleotides.

    ``mean``, ``deviation``: (width,) float64. ``centre_ratio``: norm of the mean over norm of the deviations; well
    over 1 means that uncentred training would lose most features. ``position_share``: share of the variance that
    the position in the sequence alone explains, adjusted for the number of positions; None where every position
    occurs once.
    """

    mean: NDArray[np.float64]
    deviation: NDArray[np.float64]
    nucleotides: int
    position_share: float | None

    @property
    def centre_ratio(self) -> float:
        return float(np.linalg.norm(self.mean) / np.linalg.norm(self.deviation))

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Everything in arrays, to be stored; a position share that is not known is NaN."""
        share = np.nan if self.position_share is None else self.position_share
        numbers = {"nucleotides": np.array(self.nucleotides), "position share": np.array(share)}
        return {"mean": self.mean, "deviation": self.deviation} | numbers

    @classmethod
    def of(cls, arrays: Mapping[str, NDArray[Any]]) -> Standardisation:
        """Undo :meth:`arrays`."""
        share = float(arrays["position share"])
        known = None if np.isnan(share) else share
        return cls(arrays["mean"], arrays["deviation"], int(arrays["nucleotides"]), known)

    @classmethod
    def fit(cls, stream: ActivationStream) -> dict[int, Standardisation]:
        """One pass over all nucleotides of the stream, for all of its layers at once. Exact (Chan et al. 1983).

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


class _Moments:
    """Running mean, sum of squares and per-position sums."""

    def __init__(self, width: int, positions: int) -> None:
        self.count = 0
        self.positions = positions
        self.mean = np.zeros(width)
        self.squares = np.zeros(width)
        self.position_counts = np.zeros(positions, dtype=np.int64)
        self.position_sums = np.zeros((positions, width))

    def add(self, x: NDArray[np.float64], positions: NDArray[np.int64]) -> None:
        from scipy.sparse import csr_array

        total = self.count + len(x)
        mean = x.mean(0)
        difference = mean - self.mean
        self.squares += ((x - mean) ** 2).sum(0) + difference**2 * self.count * len(x) / total
        self.mean += difference * len(x) / total
        self.count = total
        self.position_counts += np.bincount(positions, minlength=self.positions)
        members = csr_array((np.ones(len(x)), (positions, np.arange(len(x)))), (self.positions, len(x)))
        self.position_sums += np.asarray(members @ x)

    def result(self, layer: int) -> Standardisation:
        if not np.isfinite(self.squares).all():
            raise InputError(f"layer {layer}: activations are not finite; run the model in float32")
        if not self.squares.any():
            raise InputError(f"layer {layer}: activations do not vary; choose another layer")
        return Standardisation(self.mean, np.sqrt(self.squares / self.count), self.count, self._position_share())

    def _position_share(self) -> float | None:
        seen = self.position_counts > 0
        counts = self.position_counts[seen, None]
        if self.count == len(counts):
            return None
        means = self.position_sums[seen] / counts
        within = self.squares.sum() - (counts * (means - self.mean) ** 2).sum()
        unexplained = within / (self.count - len(counts)) / (self.squares.sum() / (self.count - 1))
        return float(max(0.0, 1 - unexplained))
