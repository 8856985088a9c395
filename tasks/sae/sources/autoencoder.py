"""Features of a sparse autoencoder."""

from __future__ import annotations

import numpy as np
import scipy.sparse
from numpy.typing import NDArray

from harness.adapter import Role
from tasks.sae.autoencoder.model import SparseAutoencoder
from tasks.sae.sources.base import StateSource


class SaeSource(StateSource):
    """A trained sparse autoencoder (or one that reads a random model, or an untrained one: the name says which)."""

    def __init__(self, autoencoder: SparseAutoencoder, name: str = "sae", role: Role = "model") -> None:
        self.autoencoder, self.name, self.role = autoencoder, name, role
        self.features = autoencoder.config.features

    def encode(self, hidden: NDArray[np.float32]) -> scipy.sparse.csr_array:
        import torch

        x = torch.from_numpy(np.ascontiguousarray(hidden, dtype=np.float32))
        return self.autoencoder.encode(x.to(self.autoencoder.encoder.device)).to_scipy()

    def feature_name(self, index: int) -> str:
        return f"{self.name} {index}"
