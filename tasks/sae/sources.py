"""Where features come from: sparse autoencoders and what they are compared with, behind one interface."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod

import numpy as np
import scipy.sparse
from numpy.typing import NDArray

from harness.activations import known_positions
from harness.adapter import Role
from tasks.sae.model import SparseAutoencoder

Features = scipy.sparse.csr_array | NDArray[np.float32]

_ICA_COMPONENTS = 128
_ICA_ROWS = 20_000
_ICA_ITERATIONS = 100
_ICA_VARIANCE = 1e-10  # of the largest; less is rounding
_LONGEST_KMER = 6


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


class _Linear(FeatureSource):
    """Directions in the hidden state, each with both signs: features j and j + n are opposite."""

    role: Role = "ablation"
    mean: NDArray[np.float32]
    directions: NDArray[np.float32]

    @property
    def features(self) -> int:  # type: ignore[override]
        return 2 * int(self.directions.shape[1])

    def encode(self, sequence: str, hidden: NDArray[np.float32]) -> NDArray[np.float32]:
        known = known_positions(sequence)
        scores = np.zeros((len(sequence), self.directions.shape[1]), dtype=np.float32)
        scores[known] = (hidden[known] - self.mean) @ self.directions
        return np.hstack([scores, -scores])

    def feature_name(self, index: int) -> str:
        sign, number = divmod(index, self.directions.shape[1])
        return f"{self.name} {number} {'+-'[sign]}"


class NeuronSource(_Linear):
    """Every dimension of the hidden state, standardised."""

    name = "neuron"

    def fit(self, sample: NDArray[np.float32]) -> None:
        self.mean = sample.mean(0, dtype=np.float64).astype(np.float32)
        deviation = sample.std(0, dtype=np.float64)
        usable = deviation > 1e-6 * np.sqrt(np.square(deviation).mean())
        self.directions = np.diag(np.where(usable, 1 / np.where(usable, deviation, 1), 0)).astype(np.float32)


class PcaSource(_Linear):
    """All principal components."""

    name = "pca"

    def fit(self, sample: NDArray[np.float32]) -> None:
        from sklearn.decomposition import PCA

        pca = PCA(svd_solver="covariance_eigh" if len(sample) > sample.shape[1] else "full").fit(sample)
        self.mean = pca.mean_.astype(np.float32)
        self.directions = pca.components_.T.astype(np.float32)


class IcaSource(_Linear):
    """Independent components: at most 128, from at most 20,000 rows and 100 iterations, converged or not."""

    name = "ica"

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed

    def fit(self, sample: NDArray[np.float32]) -> None:
        from sklearn.decomposition import FastICA
        from sklearn.exceptions import ConvergenceWarning

        if len(sample) > _ICA_ROWS:
            rows = np.random.default_rng(self.seed).choice(len(sample), _ICA_ROWS, replace=False)
            sample = sample[np.sort(rows)]
        # directions without variance cannot be whitened: one-hot states have one, narrow models may have more
        covariance = np.cov(sample, rowvar=False, dtype=np.float64)
        rank = int(np.linalg.matrix_rank(covariance, hermitian=True, rtol=_ICA_VARIANCE))
        ica = FastICA(
            min(_ICA_COMPONENTS, rank),
            whiten="unit-variance",
            max_iter=_ICA_ITERATIONS,
            random_state=self.seed,
        )
        # sklearn divides by the variance of all directions before it leaves the last ones out
        with warnings.catch_warnings(), np.errstate(divide="ignore", invalid="ignore"):
            warnings.simplefilter("ignore", ConvergenceWarning)
            ica.fit(sample)
        self.mean = ica.mean_.astype(np.float32)
        self.directions = ica.components_.T.astype(np.float32)


class KmerSource(FeatureSource):
    """Indicators of all k-mers, k = 1 to 6, that cover the nucleotide: 5,460 features, no hidden state needed.

    Features are ordered by k, then alphabetically. A k-mer with an N in it does not exist.
    """

    name = "kmer"
    role: Role = "floor"
    features = sum(4**k for k in range(1, _LONGEST_KMER + 1))

    def fit(self, sample: NDArray[np.float32]) -> None:
        """Nothing to do."""

    def encode(self, sequence: str, hidden: NDArray[np.float32] | None = None) -> scipy.sparse.csr_array:
        letters = _LETTER_CODES[np.frombuffer(sequence.encode(), dtype=np.uint8)]
        rows, columns = [], []
        offset = 0
        codes = np.zeros(len(letters) + 1, dtype=np.int64)
        valid = np.ones(len(letters) + 1, dtype=bool)
        for k in range(1, min(_LONGEST_KMER, len(letters)) + 1):
            last = letters[k - 1 :]
            codes = codes[:-1] * 4 + last
            valid = valid[:-1] & (last >= 0)
            starts = np.flatnonzero(valid)
            rows.append((starts[:, None] + np.arange(k)).ravel())
            columns.append(np.repeat(codes[starts] + offset, k))
            offset += 4**k
        keys = np.unique(np.concatenate(rows) * self.features + np.concatenate(columns))
        counts = np.bincount(keys // self.features, minlength=len(letters))
        pointers = np.concatenate([[0], counts.cumsum()])
        parts = np.ones(len(keys), dtype=np.float32), keys % self.features, pointers
        return scipy.sparse.csr_array(parts, shape=(len(letters), self.features))

    def feature_name(self, index: int) -> str:
        k = 1
        while index >= 4**k:
            index -= 4**k
            k += 1
        return "".join("ACGU"[index // 4**place % 4] for place in reversed(range(k)))


_LETTER_CODES = np.full(256, -1, dtype=np.int64)
_LETTER_CODES[np.frombuffer(b"ACGU", dtype=np.uint8)] = np.arange(4)
