"""Features of a sparse autoencoder."""

from __future__ import annotations

import numpy as np
import scipy.sparse
from numpy.typing import NDArray

from harness.activations.reader import known_positions
from harness.adapter import Role
from tasks.sae.autoencoder.model import SparseAutoencoder
from tasks.sae.sources.base import FeatureSource


class SaeSource(FeatureSource):
    """A trained sparse autoencoder (or one that reads a random model, or an untrained one: the name says which)."""

    def __init__(self, autoencoder: SparseAutoencoder, name: str = "sae", role: Role = "model") -> None:
        self.autoencoder, self.name, self.role = autoencoder, name, role
        self.features = autoencoder.config.features

    def fit(self, sample: NDArray[np.float32]) -> None:
        """Nothing to do: training has been done elsewhere."""

    def encode(self, sequence: str, hidden: NDArray[np.float32]) -> scipy.sparse.csr_array:
        import torch

        known = known_positions(sequence)
        x = torch.from_numpy(np.ascontiguousarray(hidden[known], dtype=np.float32))
        code = self.autoencoder.encode(x.to(self.autoencoder.encoder.device)).to_scipy()
        counts = np.zeros(len(sequence) + 1, dtype=code.indptr.dtype)
        counts[known + 1] = np.diff(code.indptr)
        return scipy.sparse.csr_array((code.data, code.indices, counts.cumsum()), (len(sequence), self.features))

    def feature_name(self, index: int) -> str:
        return f"{self.name} {index}"
