"""The reference: what all dimensions of a hidden state together say of a concept."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from harness.adapter import Role
from tasks.sae.concepts.membership import Membership
from tasks.sae.concepts.probes import Probe
from tasks.sae.sources.base import StateSource


class ProbeSource(StateSource):
    """One feature per concept: the decision value of a logistic regression on all dimensions."""

    name = "dense-probe"
    role: Role = "reference"

    def __init__(self, concepts: Sequence[str]) -> None:
        self.concepts = concepts
        self.features = len(concepts)

    def fit(self, hidden: NDArray[np.float32], member: Membership) -> None:
        """On nucleotides of select: (n, width) and (n, concepts)."""
        probes = [Probe.fit(hidden, positive) for positive in member.T]
        self.directions = np.column_stack([probe.model.coef_[0] / probe.spread for probe in probes])
        centre = probes[0].centre  # of the columns, whatever the concept
        self.offsets = np.array([probe.model.intercept_[0] for probe in probes]) - centre @ self.directions

    def encode(self, hidden: NDArray[np.float32]) -> NDArray[np.float32]:
        return (hidden @ self.directions + self.offsets).astype(np.float32)

    def feature_name(self, index: int) -> str:
        return f"probe of {self.concepts[index]}"
