"""Features that are directions in the hidden state: neurons, principal and independent components."""

from __future__ import annotations

import warnings
from abc import abstractmethod

import numpy as np
from numpy.typing import NDArray

from harness.adapter import Role
from tasks.sae.sources.base import StateSource

_ICA_COMPONENTS = 128
_ICA_ROWS = 20_000
_ICA_ITERATIONS = 100
_ICA_VARIANCE = 1e-10  # of the largest; less is rounding


class LinearSource(StateSource):
    """Directions in the hidden state, each with both signs: features j and j + n are opposite."""

    role: Role = "ablation"
    mean: NDArray[np.float32]
    directions: NDArray[np.float32]

    @property
    def features(self) -> int:  # type: ignore[override]
        return 2 * int(self.directions.shape[1])

    @abstractmethod
    def fit(self, sample: NDArray[np.float32]) -> None:
        """Find the mean and the directions in (n, width) training activations; unlabelled, and never of select or
        test."""

    def encode(self, hidden: NDArray[np.float32]) -> NDArray[np.float32]:
        scores = ((hidden - self.mean) @ self.directions).astype(np.float32, copy=False)
        return np.hstack([scores, -scores])

    def feature_name(self, index: int) -> str:
        sign, number = divmod(index, self.directions.shape[1])
        return f"{self.name} {number} {'+-'[sign]}"


class NeuronSource(LinearSource):
    """Every dimension of the hidden state, standardised."""

    name = "neuron"

    def fit(self, sample: NDArray[np.float32]) -> None:
        self.mean = sample.mean(0, dtype=np.float64).astype(np.float32)
        deviation = sample.std(0, dtype=np.float64)
        usable = deviation > 1e-6 * np.sqrt(np.square(deviation).mean())
        self.directions = np.diag(np.where(usable, 1 / np.where(usable, deviation, 1), 0)).astype(np.float32)


class PcaSource(LinearSource):
    """All principal components."""

    name = "pca"

    def fit(self, sample: NDArray[np.float32]) -> None:
        from sklearn.decomposition import PCA

        pca = PCA(svd_solver="covariance_eigh" if len(sample) > sample.shape[1] else "full").fit(sample)
        self.mean = pca.mean_.astype(np.float32)
        self.directions = pca.components_.T.astype(np.float32)


class IcaSource(LinearSource):
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
