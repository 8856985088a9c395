"""The best MCC that every feature reaches for every concept, over all thresholds and both signs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse
from numpy.typing import NDArray

from tasks.sae.concepts.choice import FeatureChoice, best_threshold, rank_auroc
from tasks.sae.concepts.membership import Floats, Integers, Membership, Scores, columns
from tasks.sae.concepts.ranks import levels

_BLOCK = 2**20  # stored scores that are sorted at once


@dataclass(frozen=True)
class Cuts:
    """Best MCC (concepts, features) where scores at or above a threshold are called, and where those below one are.

    Both are 0 or more, as everything may be called.
    """

    above: Floats
    below: Floats

    def choose(self, scores: Scores, member: Membership, candidates: Integers | None = None) -> FeatureChoice:
        """For every concept the feature with the best MCC (the first of equals), its sign and its threshold.

        Args:
            scores: (items, features), those that the cuts are of.
            candidates: features to choose from; None for all.
        """
        allowed = np.arange(self.above.shape[1]) if candidates is None else candidates
        feature = allowed[np.maximum(self.above, self.below)[:, allowed].argmax(axis=1)]
        concepts = np.arange(len(feature))
        sign = np.where(self.below[concepts, feature] > self.above[concepts, feature], -1, 1)
        oriented = columns(scores, feature) * sign
        cuts = [best_threshold(oriented[:, c], member[:, c], float(member[:, c].mean())) for c in concepts]
        threshold, mcc = np.array(cuts).T
        auroc = np.array([rank_auroc(oriented[:, [c]], member[:, [c]])[0, 0] for c in concepts])
        return FeatureChoice(feature, sign, threshold, auroc, mcc)


def best_cuts(scores: Scores, member: Membership) -> Cuts:
    """Of (items, features) scores; those in CSR are not negative. MCC is at the prevalence that the items have.

    Exact, by sorting: O(values x (log items + concepts)), for CSR of the values that are not 0.

    Raises:
        ValueError: a sparse score is negative.
    """
    return best_cuts_of_each(scores, [member])[0]


def best_cuts_of_each(scores: Scores, members: Sequence[Membership]) -> list[Cuts]:
    """:func:`best_cuts` of several memberships of the same items, from one sort of the scores."""
    stored: Floats | scipy.sparse.csc_array
    if scipy.sparse.issparse(scores):
        stored = scipy.sparse.csc_array(scores, copy=True)
        stored.eliminate_zeros()
        if len(stored.data) and stored.data.min() < 0:
            raise ValueError("sparse scores are negative: zeros would not be the lowest")
        starts = stored.indptr
    else:
        stored = np.asarray(scores)
        starts = np.arange(stored.shape[1] + 1) * len(stored)
    features = stored.shape[1]
    found = [(np.zeros((member.shape[1], features)), np.zeros((member.shape[1], features))) for member in members]
    first = 0
    while first < features:
        end = max(first + 1, int(np.searchsorted(starts, starts[first] + _BLOCK, side="right")) - 1)
        block = _Block.of(stored[:, first:end])
        if block is not None:
            for (above, below), member in zip(found, members, strict=True):
                block.fill(above[:, first:end], below[:, first:end], member)
        first = end
    return [Cuts(*pair) for pair in found]


@dataclass(frozen=True)
class _Block:
    """Stored scores of some features, from high to low within each: ``rows`` (values,) are their items.

    A cut lies after the last of equal values: ``last`` (cuts,) where, ``called`` how many are called there, ``before``
    how many values the features before its own hold. ``live`` are the features with a value, ``first`` their cuts.
    """

    items: int
    rows: NDArray[np.integer[Any]]
    last: Integers
    called: Integers
    before: Integers
    live: Integers
    first: Integers

    @classmethod
    def of(cls, scores: Floats | scipy.sparse.csc_array) -> _Block | None:
        """None where nothing is stored: what is not stored is lower than everything that is."""
        items, features = scores.shape
        if scipy.sparse.issparse(scores):
            values, rows, lengths = scores.data, scores.indices, np.diff(scores.indptr)
        else:
            values, rows = scores.T.reshape(-1), np.tile(np.arange(items), features)
            lengths = np.full(features, items)
        if not len(values):
            return None
        feature = np.repeat(np.arange(features), lengths)
        level = levels(values)
        key = (feature + 1) * (level.max() + 1) - level
        order = np.argsort(key)
        key = key[order]
        last = np.flatnonzero(np.append(key[1:] != key[:-1], True))
        before = np.concatenate([[0], np.cumsum(lengths)])[feature[last]]
        live = np.flatnonzero(lengths)
        first = np.searchsorted(feature[last], live)
        return cls(items, rows[order], last, last + 1 - before, before, live, first)

    def fill(self, above: Floats, below: Floats, member: Membership) -> None:
        """Into (concepts, features) each."""
        positives = member.sum(axis=0)
        by_called = np.sqrt(self.called * (self.items - self.called))
        for c, positive in enumerate(member.T):
            hits = np.concatenate([[0], np.cumsum(positive[self.rows], dtype=np.int64)])
            top = (hits[self.last + 1] - hits[self.before]).astype(np.float64) * self.items - self.called * positives[c]
            spread = np.sqrt(positives[c] * (self.items - positives[c])) * by_called
            mcc = np.divide(top, spread, out=np.zeros_like(top), where=spread > 0)
            above[c, self.live] = np.maximum(np.maximum.reduceat(mcc, self.first), 0)
            below[c, self.live] = np.maximum(-np.minimum.reduceat(mcc, self.first), 0)


def split_half_mcc(scores: Scores, member: Membership, half: Membership, concepts: Sequence[int]) -> float:
    """Mean MCC without optimism on one split alone: choose on one half, score on the other, both ways.

    Args:
        half: (items,), True for the one half; items of one unit lie on one side.
        concepts: those that count.
    """
    values = scores if scipy.sparse.issparse(scores) else np.asarray(scores)
    reached = []
    for fit in (half, ~half):
        choice = best_cuts(values[fit], member[fit]).choose(values[fit], member[fit])
        called = choice.oriented(values[~fit]) >= choice.threshold
        reached += [_correlation(called[:, c], member[~fit, c]) for c in concepts]
    return float(np.mean(reached))


def _correlation(called: Membership, positive: Membership) -> float:
    """The MCC as what it is, the correlation of two columns of 0 and 1; 0 where one of them does not vary."""
    if called.all() or positive.all() or not called.any() or not positive.any():
        return 0.0
    return float(np.corrcoef(called, positive)[0, 1])
