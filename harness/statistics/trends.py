"""How a score follows a quantity, and how two scores follow each other, with the uncertainty of every score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations
from math import factorial

import numpy as np
from scipy.stats import rankdata

from harness.statistics.bootstrap import CONFIDENCE, Estimate, Floats, Interval, permutation_p

DRAWS = 10_000
PERMUTATIONS = 9999


@dataclass(frozen=True)
class Correlation:
    """A rank correlation with its interval, and the p value of a two-sided permutation test."""

    interval: Interval
    p: float

    @property
    def found(self) -> bool:
        """Whether the interval leaves out zero and the test agrees: of five models the interval alone is too narrow."""
        return (self.interval.low > 0 or self.interval.high < 0) and self.p <= 1 - CONFIDENCE


def slope(places: Sequence[float], estimates: Sequence[Estimate]) -> Estimate:
    """The least-squares slope of estimates over places, draw by draw.

    The interval is that of the items: it does not hold how far other models would lie from the line.

    Raises:
        ValueError: the estimates do not share items and draws, or all places are equal.
    """
    first = estimates[0]
    if any(len(own.draws) != len(first.draws) or own.n != first.n for own in estimates):
        raise ValueError("a slope needs estimates from the same items and draws")
    centred = np.asarray(places, dtype=np.float64) - np.mean(places)
    if not (centred**2).sum() > 0:
        raise ValueError("a slope needs two different places")
    weights = centred / (centred**2).sum()
    value = float(weights @ [own.value for own in estimates])
    return Estimate(value, weights @ np.stack([own.draws for own in estimates]), first.n)


def rank_trend(places: Sequence[float], estimates: Sequence[Estimate]) -> Correlation | None:
    """Spearman's correlation of estimates with where they stand, such as layers; None where there is no order.

    The interval is over the draws that the estimates share: that of the items and seeds, the places being what they
    are. The p value is of the places: how often estimates in any order follow them as closely; exact up to 7 places.

    Raises:
        ValueError: the estimates do not share items and draws.
    """
    first = estimates[0]
    if any(len(own.draws) != len(first.draws) or own.n != first.n for own in estimates):
        raise ValueError("a trend needs estimates from the same items and draws")
    values, along = np.array([own.value for own in estimates]), np.array(places, dtype=np.float64)[None, :]
    point = _spearman(along, values[None, :])[0]
    if np.isnan(point):
        return None
    drawn = np.stack([own.draws for own in estimates], axis=1)
    estimate = Estimate(float(point), _spearman(np.broadcast_to(along, drawn.shape), drawn), first.n, first.note)
    if factorial(len(values)) <= PERMUTATIONS:
        orders = np.array(list(permutations(values)))
        p = float((np.abs(_spearman(along, orders)) >= abs(point) - 1e-12).mean())
    else:
        orders = np.random.default_rng(len(values)).permuted(np.tile(values, (PERMUTATIONS, 1)), axis=1)
        p = float(permutation_p(abs(point), np.abs(_spearman(along, orders))))
    return Correlation(estimate.interval(), p)


def rank_correlation(first: Sequence[Estimate], second: Sequence[Estimate], seed: int) -> Correlation | None:
    """Spearman's correlation of two scores of the same models, in their order; None where a score is the same for all.

    A draw resamples the models and takes one draw of every score: the same of all models, since these share their
    items, and another one of the second score, whose items are others. Draws in which all models tie have no value.
    """
    values = [np.array([own.value for own in scores]) for scores in (first, second)]
    point = _spearman(*(one[None, :] for one in values))[0]
    if np.isnan(point):
        return None
    generator = np.random.default_rng([seed, len(first)])
    picks = generator.integers(len(first), size=(DRAWS, len(first)))
    drawn = []
    for scores in (first, second):
        draws = np.stack([own.draws for own in scores])
        drawn.append(draws[picks, generator.integers(draws.shape[1], size=DRAWS)[:, None]])
    shuffled = generator.permuted(np.tile(values[1], (PERMUTATIONS, 1)), axis=1)
    null = np.abs(_spearman(values[0][None, :], shuffled))
    estimate = Estimate(float(point), _spearman(*drawn), len(first))
    return Correlation(estimate.interval(), float(permutation_p(abs(point), null)))


def _spearman(first: Floats, second: Floats) -> Floats:
    """Row by row; NaN in rows in which either side ties throughout or has a value that is missing."""
    missing = np.isnan(first).any(axis=1) | np.isnan(second).any(axis=1)
    ranks = [rankdata(np.nan_to_num(values), axis=1) for values in (first, second)]
    centred = [own - own.mean(axis=1, keepdims=True) for own in ranks]
    below = np.sqrt((centred[0] ** 2).sum(axis=1) * (centred[1] ** 2).sum(axis=1))
    above = (centred[0] * centred[1]).sum(axis=1)
    found = np.divide(above, below, out=np.full(len(above), np.nan), where=below > 0)
    return np.where(missing, np.nan, found)
