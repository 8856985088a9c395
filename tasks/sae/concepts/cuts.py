"""The best MCC that every feature reaches for every concept, over all thresholds and both signs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse

from tasks.sae.concepts.choice import FeatureChoice, best_threshold, rank_auroc
from tasks.sae.concepts.membership import Floats, Integers, Membership, Scores, columns

_BLOCK = 2**20  # scores that are sorted at once


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
    stored: Floats | scipy.sparse.csc_array
    if scipy.sparse.issparse(scores):
        stored = scipy.sparse.csc_array(scores, copy=True)
        stored.eliminate_zeros()
        if len(stored.data) and stored.data.min() < 0:
            raise ValueError("sparse scores are negative: zeros would not be the lowest")
    else:
        stored = np.asarray(scores)
    items, features = stored.shape
    step = max(1, _BLOCK // items)
    found = [_block(stored[:, first : first + step], member) for first in range(0, features, step)]
    return Cuts(*(np.concatenate(part, axis=1) for part in zip(*found, strict=True)))


def _block(scores: Floats | scipy.sparse.csc_array, member: Membership) -> tuple[Floats, Floats]:
    items, features = scores.shape
    if scipy.sparse.issparse(scores):
        values, rows, lengths = scores.data, scores.indices, np.diff(scores.indptr)
    else:
        values, rows = scores.T.reshape(-1), np.tile(np.arange(items), features)
        lengths = np.full(features, items)
    above, below = np.zeros((2, member.shape[1], features))
    if not len(values):
        return above, below
    feature = np.repeat(np.arange(features), lengths)
    order = np.lexsort((-values, feature))
    values, rows = values[order], rows[order]
    starts = np.concatenate([[0], np.cumsum(lengths)])
    # a cut lies after the last of equal values; what is not stored is lower than everything that is
    last = np.append((feature[1:] != feature[:-1]) | (values[1:] != values[:-1]), True)
    called = (np.arange(len(values)) - starts[feature] + 1)[last]
    positives = member.sum(axis=0)
    spread = np.sqrt(positives * (items - positives))[None, :] * np.sqrt(called * (items - called))[:, None]
    hits = np.cumsum(member[rows], axis=0, dtype=np.int64)
    before = np.vstack([np.zeros((1, member.shape[1]), dtype=np.int64), hits])[starts[feature[last]]]
    top = (hits[last] - before).astype(np.float64) * items - called[:, None] * positives
    mcc = np.divide(top, spread, out=np.zeros_like(top), where=spread > 0)
    live = np.flatnonzero(lengths)
    first = np.searchsorted(feature[last], live)
    above[:, live] = np.maximum(np.maximum.reduceat(mcc, first, axis=0), 0).T
    below[:, live] = np.maximum(-np.minimum.reduceat(mcc, first, axis=0), 0).T
    return above, below


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
