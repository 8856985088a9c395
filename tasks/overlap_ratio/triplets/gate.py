"""What simple measures say of triplets, and how triplets are chosen so that those measures are at chance."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from harness.sequences.kmers import kmer_counts
from harness.sequences.pairwise import global_identity, local_alignment
from tasks.overlap_ratio.triplets.search import Floats, Integers, Members

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

PER_FAMILY = 20
MARGIN = 0.03
"""How far from 0.50 a gated row may be."""
FEWEST_FAMILIES = 10
"""Over fewer families nothing can be balanced, and an interval would mean little."""

_BALANCE = 0.01
_ENOUGH = 8
_SWEEPS = 4
_FOLDS = 6

ALIGNMENTS: Mapping[str, Callable[[str, str], float]] = {
    "identity": global_identity,
    "local-alignment": local_alignment,
}
SINGLE = "single-sequence"
TOGETHER = "together"


def differences(members: Members, triplets: Integers) -> dict[str, Floats]:
    """Row -> (triplets,) of sim(a, b) - sim(a, c), for every simple measure; over 0 where the homolog wins.

    ``kmer-1`` … ``kmer-6`` are cosines, ``length`` is minus the difference of ln length, ``family-size`` knows only
    how large the families of b and c are.
    """
    a, b, c = triplets.T
    known: dict[str, Floats] = {}
    used, place = np.unique(triplets, return_inverse=True)
    sequences = [members.sequences[member] for member in used]
    for k in range(1, 7):
        counts = kmer_counts(sequences, k)
        counts /= np.linalg.norm(counts, axis=1, keepdims=True)
        known[f"kmer-{k}"] = _cosine_differences(counts, place.reshape(triplets.shape))
    length = members.log_length
    known["length"] = np.round(np.abs(length[a] - length[c]) - np.abs(length[a] - length[b]), 9)
    known["family-size"] = (members.size[b] - members.size[c]).astype(np.float64)
    for name in ALIGNMENTS:
        known[name] = _alignment_differences(name, members, triplets)
    return known


def identity_differences(members: Members, triplets: Integers) -> Floats:
    """(triplets,) of global identity to a, of b less that of c."""
    return _alignment_differences("identity", members, triplets)


def rows(members: Members, triplets: Integers) -> dict[str, Floats]:
    """All mandatory rows: :func:`differences`, the single-sequence classifier, and all of them together."""
    found = differences(members, triplets)
    found[SINGLE] = single_sequence(members, triplets)
    found[TOGETHER] = together(members.family[triplets[:, 0]], list(found.values()))
    return found


def gated(aligned: bool) -> tuple[str, ...]:
    """The rows that a tier's gate holds at a half: all but ``together``, in tier 1 without the alignments."""
    kmers = tuple(f"kmer-{k}" for k in range(1, 7))
    return (*kmers, "length", "family-size", SINGLE, *(ALIGNMENTS if aligned else ()))


def signs(members: Members, triplets: Integers, aligned: bool) -> Floats:
    """(triplets, measures) of 1, 0 or -1 for :func:`balanced`: the gated rows, and what the classifier sees."""
    known = differences(members, triplets)
    measures = [known[name] for name in gated(aligned) if name != SINGLE]
    single = single_features(members, triplets[:, 1]) - single_features(members, triplets[:, 2])
    return np.sign(np.column_stack([*measures, np.round(single, 9)]))


def balanced(families: Integers, signs: Floats) -> Integers:
    """Which triplets to keep so that no row favours b or c: indices, at most :data:`PER_FAMILY` of a family.

    ``signs`` (triplets, rows) is 1 where a row prefers the homolog, -1 where the decoy, 0 where it ties. Every family
    weighs the same: the balance is the sum over families of the mean sign of what they keep. Families take turns in
    choosing, one triplet after the other, what brings the balance nearest to 0; families that leave it out of balance
    all the same are left out. Fewer than :data:`FEWEST_FAMILIES` are none.
    """
    if len(families) == 0:
        return np.empty(0, np.int64)
    order = np.argsort(families, kind="stable")
    groups = np.split(order, np.flatnonzero(np.diff(families[order])) + 1)
    kept = [group[:PER_FAMILY] for group in groups]
    means = np.array([signs[own].mean(axis=0) for own in kept])
    for _ in range(_SWEEPS):
        for number, group in enumerate(groups):
            rest = means.sum(axis=0) - means[number]
            kept[number] = group[_choice(rest, signs[group])]
            means[number] = signs[kept[number]].mean(axis=0)
    left = np.arange(len(groups))
    while len(left) >= FEWEST_FAMILIES and np.abs(means[left].mean(axis=0)).max() > 2 * _BALANCE:
        without = means[left].sum(axis=0) - means[left]
        left = np.delete(left, int((without**2).sum(axis=1).argmin()))
    if len(left) < FEWEST_FAMILIES:
        return np.empty(0, np.int64)
    return np.sort(np.concatenate([kept[number] for number in left]))


def single_features(members: Members, side: Integers) -> Floats:
    """(n, 3): ln length, GC content and entropy of single sequences."""
    gc = members.composition[side][:, 1:3].sum(axis=1)
    return np.stack([members.log_length[side], gc, members.entropy[side]], axis=1)


def single_sequence(members: Members, triplets: Integers) -> Floats:
    """(triplets,) of score(b) - score(c), of a classifier of homologs that sees neither a nor the other.

    A logistic regression on length, GC content, entropy and their products. It learns from triplets that share no
    family with the one scored: else it would know families by their length.
    """
    fold = np.arange(len(members.families)) % _FOLDS
    first, second = fold[members.family[triplets[:, 0]]], fold[members.family[triplets[:, 2]]]
    homologs, decoys = (single_features(members, triplets[:, side]) for side in (1, 2))
    scores = np.zeros(len(triplets))
    for one in range(_FOLDS):
        for other in range(one + 1):
            scored = (np.maximum(first, second) == one) & (np.minimum(first, second) == other)
            learned = ~np.isin(first, [one, other]) & ~np.isin(second, [one, other])
            if scored.any() and learned.any():
                weights = family_weights(members.family[triplets[learned, 0]])
                model = _fitted(homologs[learned], decoys[learned], weights)
                scores[scored] = model.decision_function(homologs[scored]) - model.decision_function(decoys[scored])
    return np.round(scores, 9)


def together(families: Integers, rows: Sequence[Floats]) -> Floats:
    """(triplets,): the best linear combination of all rows, learned from the other families."""
    from sklearn.linear_model import LogisticRegression

    values = np.stack(rows, axis=1)
    if len(values):
        values = values / np.maximum(values.std(axis=0), 1e-12)
    fold = families % _FOLDS
    scores = np.zeros(len(families))
    for number in np.unique(fold):
        learned, scored = fold != number, fold == number
        if learned.any():
            weights = np.tile(family_weights(families[learned]), 2)
            examples = np.concatenate([values[learned], -values[learned]])
            model = LogisticRegression(fit_intercept=False)
            model.fit(examples, np.repeat([1, 0], learned.sum()), sample_weight=weights)
            scores[scored] = model.decision_function(values[scored])
    return scores


def family_weights(families: Integers) -> Floats:
    """(triplets,): one over the number of triplets of the same family."""
    return 1 / np.bincount(families)[families]


def _choice(rest: Floats, signs: Floats) -> list[int]:
    """Rows of ``signs``, one after the other, whose mean brings ``rest`` nearest to 0; then as many as bring it there.

    Fewer than :data:`_ENOUGH` are no choice: the mean of a family would rest on too little.
    """
    chosen: list[int] = []
    reached: list[float] = []
    total, free = np.zeros(signs.shape[1]), np.ones(len(signs), dtype=bool)
    while free.any() and len(chosen) < PER_FAMILY:
        distance = ((rest + (total + signs) / (len(chosen) + 1)) ** 2).sum(axis=1)
        best = int(np.where(free, distance, np.inf).argmin())
        chosen.append(best)
        reached.append(float(distance[best]))
        free[best] = False
        total += signs[best]
    fewest = min(_ENOUGH, len(reached))
    return chosen[: fewest + int(np.argmin(reached[fewest - 1 :]))]


def _alignment_differences(name: str, members: Members, triplets: Integers) -> Floats:
    """Every distinct pair is aligned once."""
    pairs = np.concatenate([triplets[:, [0, 1]], triplets[:, [0, 2]]])
    distinct, place = np.unique(np.sort(pairs, axis=1), axis=0, return_inverse=True)
    sequences, score = members.sequences, ALIGNMENTS[name]
    found = np.array([score(sequences[i], sequences[j]) for i, j in distinct.tolist()], dtype=np.float32)
    # of single precision, as the reference models are: what differs by less is a tie
    near, far = np.split(found.astype(np.float64)[place.ravel()], 2)
    return np.asarray(near - far)


def _cosine_differences(units: NDArray[np.floating], triplets: Integers) -> Floats:
    found = np.empty(len(triplets))
    for start in range(0, len(triplets), 2000):
        a, b, c = (units[side] for side in triplets[start : start + 2000].T)
        found[start : start + 2000] = np.einsum("tw,tw->t", a, b) - np.einsum("tw,tw->t", a, c)
    # what differs by rounding alone is a tie
    return np.where(np.abs(found) < 1e-6, 0, found)


def _fitted(homologs: Floats, decoys: Floats, weights: Floats) -> Pipeline:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import PolynomialFeatures, StandardScaler

    model = make_pipeline(StandardScaler(), PolynomialFeatures(2, include_bias=False), LogisticRegression())
    labels = np.repeat([1, 0], len(homologs))
    examples = np.concatenate([homologs, decoys])
    return model.fit(examples, labels, logisticregression__sample_weight=np.tile(weights, 2))
