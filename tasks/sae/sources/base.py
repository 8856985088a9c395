"""Where features come from: sparse autoencoders and what they are compared with, of hidden states or of letters."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
import scipy.sparse
from numpy.typing import NDArray

from harness.adapter import Role

Features = scipy.sparse.csr_array | NDArray[np.float32]


class FeatureSource(ABC):
    """Gives numbers per nucleotide, sparse where most are zero; ``name`` and ``role`` are shown in tables."""

    name: str
    role: Role
    features: int

    @abstractmethod
    def feature_name(self, index: int) -> str:
        """Short name of a feature."""


class StateSource(FeatureSource):
    """Features of hidden states."""

    @abstractmethod
    def encode(self, hidden: NDArray[np.float32]) -> Features:
        """(nucleotides, features) of raw hidden states (nucleotides, width); none of them is of an N."""


class LetterSource(FeatureSource):
    """Features of the sequence alone."""

    @abstractmethod
    def encode(self, sequence: str) -> Features:
        """(length, features) of a sequence over A C G U N."""
