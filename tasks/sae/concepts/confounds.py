"""Is a feature more than length and base composition? Matched negatives, and gain over a composition probe."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.neighbors import NearestNeighbors

from tasks.sae.concepts.choice import FeatureChoice, rank_auroc
from tasks.sae.concepts.membership import Floats, Membership, Scores
from tasks.sae.concepts.probes import probe_scores

TRINUCLEOTIDES = tuple("".join(letters) for letters in product("ACGU", repeat=3))


def length_and_gc(sequences: Sequence[str]) -> Floats:
    """(sequences, 2): ln length in nucleotides, and the share of G and C among A, C, G, U (0 where there is none)."""
    rows = []
    for sequence in sequences:
        strong, known = sequence.count("G") + sequence.count("C"), len(sequence) - sequence.count("N")
        rows.append((np.log(len(sequence)), strong / max(known, 1)))
    return np.array(rows)


def composition(sequences: Sequence[str]) -> Floats:
    """(sequences, 66): ln length, GC share, and the frequencies of the 64 trinucleotides (those with N left out)."""
    counter = CountVectorizer(analyzer="char", ngram_range=(3, 3), lowercase=False, vocabulary=TRINUCLEOTIDES)
    counts = counter.transform(sequences).toarray()
    return np.column_stack([length_and_gc(sequences), counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)])


@dataclass(frozen=True)
class Matched:
    """AUROC (concepts,) of the chosen feature, of length and of GC, against the same matched negatives.

    Where ``length`` or ``gc`` stay far from 0.5, no negatives were close enough, and ``auroc`` is still confounded.
    """

    auroc: Floats
    length: Floats
    gc: Floats


def matched_auroc(
    choice: FeatureChoice, scores: Scores, member: Membership, sequences: Sequence[str], neighbours: int = 5
) -> Matched:
    """How often a positive scores above its own nearest negatives in z-scored (ln length, GC); ties count a half.

    Args:
        scores: (sequences, features) on test; the features and signs of ``choice`` are used.
        neighbours: negatives per positive, the nearest of those outside the concept.

    Cost O(n log n) per concept.
    """
    concepts = member.shape[1]
    oriented = choice.oriented(scores)
    raw = length_and_gc(sequences)
    place = (raw - raw.mean(axis=0)) / np.maximum(raw.std(axis=0), 1e-12)
    reached = np.empty((3, concepts))
    for c in range(concepts):
        own, others = member[:, c], np.flatnonzero(~member[:, c])
        index = NearestNeighbors(n_neighbors=min(neighbours, len(others))).fit(place[others])
        nearest = others[index.kneighbors(place[own], return_distance=False)]
        for row, column in enumerate((oriented[:, c], raw[:, 0], raw[:, 1])):
            positive, negative = column[own][:, None], column[nearest]
            reached[row, c] = ((positive > negative) + 0.5 * (positive == negative)).mean()
    return Matched(*reached)


@dataclass(frozen=True)
class CompositionGain:
    """Test AUROC (concepts,) of probes on composition alone, and on composition with the chosen feature."""

    without: Floats
    with_feature: Floats

    @property
    def gain(self) -> Floats:
        return self.with_feature - self.without


def gain_over_composition(
    choice: FeatureChoice,
    select_scores: Scores,
    select_member: Membership,
    select_sequences: Sequence[str],
    test_scores: Scores,
    test_member: Membership,
    test_sequences: Sequence[str],
) -> CompositionGain:
    """What the chosen feature adds to {length, GC, trinucleotides}: probes fitted on select, scored on test.

    Cost: 2 x concepts fits of 66 or 67 columns.
    """
    concepts = select_member.shape[1]
    fit, held = composition(select_sequences), composition(test_sequences)
    fit_feature, held_feature = choice.oriented(select_scores), choice.oriented(test_scores)
    columns = np.empty((2, len(held), concepts))
    for c in range(concepts):
        columns[0, :, c] = probe_scores(fit, select_member[:, c], held)
        fit_both, held_both = np.column_stack([fit, fit_feature[:, c]]), np.column_stack([held, held_feature[:, c]])
        columns[1, :, c] = probe_scores(fit_both, select_member[:, c], held_both)
    without, with_feature = (np.diagonal(rank_auroc(matrix, test_member)).copy() for matrix in columns)
    return CompositionGain(without, with_feature)
