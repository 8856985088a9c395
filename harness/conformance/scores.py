"""Laws of scores of base pairs and of similarity."""

from __future__ import annotations

from harness.conformance.law import Finding, law
from harness.conformance.subject import TOLERANCE, Subject, difference


@law("pairs-symmetric", "pair_scores")
def pairs_symmetric(subject: Subject) -> Finding:
    """The score of (i, j) equals that of (j, i)."""
    if subject.card.pair_scores_like_attention:
        return Finding(None, None, "scores are symmetrised like attention")
    scores = [outputs["pair_scores"] for outputs in subject.outputs]
    figure = max(difference(array, array.T) for array in scores)
    return Finding(figure <= TOLERANCE, figure, f"{len(scores)} sequences")


@law("similarity-symmetric", "similarity")
def similarity_symmetric(subject: Subject) -> Finding:
    """Similarity is symmetric."""
    given = subject.given(subject.sequences)
    pairs = [(first, second) for first in given for second in given]
    with subject.running() as adapter:
        found = adapter.similarity(pairs).reshape(len(given), len(given))
    figure = difference(found, found.T)
    return Finding(figure <= TOLERANCE, figure, f"{len(pairs)} pairs")


LAWS = (pairs_symmetric, similarity_symmetric)
