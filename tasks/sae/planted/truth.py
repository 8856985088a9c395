"""Hidden states whose features are known: a small relative of SynthSAEBench.

A nucleotide is a sum of the directions of the features that fire at it, plus noise and an offset. Frequencies follow
Zipf's law; features fire together in groups; some features (children) fire only where another one (the parent) does;
and there may be more features than dimensions, none of them orthogonal (superposition).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from harness.activations.standardisation import Standardisation

_FIT_DRAWS, _DRAW = 25, 2048
_MOST_FREQUENT = 0.5


class PlantedSettings(BaseModel):
    """What is planted."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    width: int = Field(default=128, ge=2)
    """Dimensions d of a hidden state."""
    features: int = Field(default=256, ge=4)
    """Number of planted features; over ``width`` they are in superposition."""
    active: float = Field(default=6.0, gt=0)
    """Features that fire at a nucleotide, on average."""
    zipf: float = Field(default=0.75, ge=0)
    """Frequency of the feature of rank r is proportional to r ** -zipf, and at most one half."""
    groups: int = Field(default=16, ge=1)
    """Features of one group tend to fire together."""
    correlation: float = Field(default=0.3, ge=0, lt=1)
    """Correlation, within a group and among features that are no children, of the normal variables whose upper tail
    makes a feature fire."""
    children: float = Field(default=0.2, ge=0, le=0.5)
    """Share of the features that fire only where their parent does, which is a more frequent feature."""
    noise: float = Field(default=0.05, ge=0)
    """Standard deviation of the noise in every dimension; a feature adds a vector of length about 1."""
    offset: float = Field(default=1.0, ge=0)
    """Norm of a constant that is added to every hidden state."""

    @model_validator(mode="after")
    def _can_fire(self) -> PlantedSettings:
        if self.active > self.features * _MOST_FREQUENT / 2:
            raise ValueError(f"{self.active} of {self.features} features cannot fire sparsely: plant more features")
        return self


@dataclass(frozen=True)
class PlantedTruth:
    """The planted features themselves; a function of ``settings`` and ``seed``."""

    settings: PlantedSettings
    seed: int = 0

    @cached_property
    def directions(self) -> NDArray[np.float32]:
        """(features, width), unit rows, drawn evenly from the sphere."""
        rows = self._generator(0).normal(size=(self.settings.features, self.settings.width))
        return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)

    @cached_property
    def offset(self) -> NDArray[np.float32]:
        """(width,)."""
        direction = self._generator(1).normal(size=self.settings.width)
        return (direction / np.linalg.norm(direction) * self.settings.offset).astype(np.float32)

    @cached_property
    def frequencies(self) -> NDArray[np.float64]:
        """(features,), falling: share of the nucleotides at which each fires; sums to about ``active``."""
        weights = np.arange(1, self.settings.features + 1) ** -self.settings.zipf
        share = weights / weights.sum()
        low, high = 0.0, self.settings.features * self.settings.active / share.min()
        for _ in range(200):  # the scale at which the capped frequencies have the wanted sum
            middle = (low + high) / 2
            low, high = (
                (middle, high)
                if (share * middle).clip(max=_MOST_FREQUENT).sum() < self.settings.active
                else (low, middle)
            )
        return (share * low).clip(max=_MOST_FREQUENT)

    @cached_property
    def parents(self) -> NDArray[np.int64]:
        """(features,): the feature in whose presence each fires; -1 for one of its own."""
        count = self.settings.features
        random = self._generator(2)
        children = random.choice(np.arange(count // 2, count), int(self.settings.children * count), replace=False)
        parents = np.full(count, -1, dtype=np.int64)
        # the parents are among the more frequent half, so that none is a child, and each has about equally many
        parents[children] = random.permutation(np.resize(random.permutation(count // 2), len(children)))
        return parents

    @cached_property
    def standardisation(self) -> Standardisation:
        """Of a sample of its own."""
        random = np.random.default_rng([self.seed, 3])
        return Standardisation.of(np.concatenate([self.sample(_DRAW, random)[0] for _ in range(_FIT_DRAWS)]))

    def sample(self, count: int, random: np.random.Generator) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Hidden states (count, width), and how strongly each feature fires, (count, features), 0 where it does not."""
        from scipy.special import ndtri

        settings, features = self.settings, self.settings.features
        group = np.arange(features) % settings.groups
        common = random.standard_normal((count, settings.groups), dtype=np.float32)[:, group]
        own = random.standard_normal((count, features), dtype=np.float32)
        is_child = self.parents >= 0
        # given its parent, a child fires on its own: were it in the parent's group, it would fire too often
        shared = np.where(is_child, 0.0, settings.correlation).astype(np.float32)
        latent = np.sqrt(shared) * common + np.sqrt(1 - shared) * own
        chance = self.frequencies.copy()
        chance[is_child] /= self.frequencies[self.parents[is_child]]
        fires = latent > ndtri(1 - chance).astype(np.float32)
        fires[:, is_child] &= fires[:, self.parents[is_child]]
        strength = np.zeros((count, features), dtype=np.float32)
        strength[fires] = np.abs(1 + 0.25 * random.standard_normal(int(fires.sum()), dtype=np.float32))
        x = strength @ self.directions + self.offset
        x += np.float32(settings.noise) * random.standard_normal(x.shape, dtype=np.float32)
        return x, strength

    def _generator(self, purpose: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, purpose])
