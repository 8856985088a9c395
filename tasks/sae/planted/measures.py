"""How much of a planted truth an autoencoder has found."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from torch.nn import functional

from tasks.sae.autoencoder.model import SparseAutoencoder
from tasks.sae.planted.truth import PlantedTruth

RECOVERED = 0.9
"""Cosine over which a planted direction counts as recovered."""
_COPY = 0.7  # a second feature that near a planted direction is a piece of the same one


@dataclass(frozen=True)
class Recovery:
    """What was found, with the features matched one to one (Hungarian) to the planted ones by the cosine of their
    directions in the space of the hidden states.

    ``recovered``: share of planted features matched over 0.9. ``cosine``: mean cosine of the matches. ``precision``,
    ``recall``: of the firing of the matched feature against that of the planted one, macro over planted features; one
    without a match counts 0. ``splitting``: mean number of further features within 0.7 of a planted direction.
    ``absorption``: mean over (parent, child) of the share of nucleotides with both at which the parent's feature is
    silent, less that share at nucleotides with the parent and without the child; NaN where nothing was planted so.
    """

    recovered: float
    cosine: float
    precision: float
    recall: float
    splitting: float
    absorption: float


def recovery(autoencoder: SparseAutoencoder, truth: PlantedTruth, count: int, seed: int) -> Recovery:
    """Compare on ``count`` nucleotides of their own, drawn with ``seed``. Memory O(count * features)."""
    cosines = direction_cosines(autoencoder, truth.directions)
    planted, found = linear_sum_assignment(cosines, maximize=True)
    matched = cosines[planted, found]
    x, strength = truth.sample(count, np.random.default_rng([seed, 4]))
    true = strength > 0
    active = autoencoder.encode(torch.from_numpy(x)).to_scipy().toarray() > 0
    fires = np.zeros_like(true)
    fires[:, planted] = active[:, found]
    both = (fires & true).sum(0)
    seen = true.any(0)  # a feature that never fired in the sample has neither precision nor recall
    return Recovery(
        recovered=float((matched > RECOVERED).sum() / len(cosines)),
        cosine=float(matched.sum() / len(cosines)),
        precision=float((both / fires.sum(0).clip(1))[seen].mean()),
        recall=float((both / true.sum(0).clip(1))[seen].mean()),
        splitting=float(((cosines > _COPY).sum() - (matched > _COPY).sum()) / len(cosines)),
        absorption=absorption(true, fires, truth.parents),
    )


def direction_cosines(autoencoder: SparseAutoencoder, directions: NDArray[np.float32]) -> NDArray[np.float32]:
    """(planted, features): cosines of planted directions with decoder rows, both in the space of the hidden states."""
    with torch.no_grad():
        rows = functional.normalize(autoencoder.to_raw(autoencoder.decoder)).cpu().numpy()
    cosines: NDArray[np.float32] = directions @ rows.T
    return cosines


def absorption(true: NDArray[np.bool_], fires: NDArray[np.bool_], parents: NDArray[np.int64]) -> float:
    """As in :class:`Recovery`. ``true``, ``fires``: (nucleotides, planted features), planted and found firing."""
    excess = []
    for child in np.flatnonzero(parents >= 0):
        parent = parents[child]
        silent = ~fires[true[:, parent], parent]
        with_child = true[true[:, parent], child]
        if with_child.any() and not with_child.all():
            excess.append(silent[with_child].mean() - silent[~with_child].mean())
    return float(np.mean(excess)) if excess else float("nan")
