"""Where features come from: sparse autoencoders and what they are compared with, behind one interface."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
import scipy.sparse
from numpy.typing import NDArray

from harness.adapter import Role

Features = scipy.sparse.csr_array | NDArray[np.float32]


class FeatureSource(ABC):
    """Turns a sequence and its hidden states into (length, features) numbers per nucleotide.

    ``name`` and ``role`` as shown in tables; ``features`` is known once :meth:`fit` has run.
    """

    name: str
    role: Role
    features: int

    @abstractmethod
    def fit(self, sample: NDArray[np.float32]) -> None:
        """Learn from (n, width) training activations; unlabelled, and never of the select or test split."""

    @abstractmethod
    def encode(self, sequence: str, hidden: NDArray[np.float32]) -> Features:
        """(length, features), sparse where most are zero; rows at N are zero. ``hidden``: (length, width)."""

    @abstractmethod
    def feature_name(self, index: int) -> str:
        """Short name of a feature."""
