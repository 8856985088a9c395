"""Numbers of chosen features beyond their scores: co-activation of partners, and what shuffled letters leave."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from harness.statistics.bootstrap import Estimate, nested_estimate
from tasks.sae.concepts.membership import Floats, Integers, Membership
from tasks.sae_structure.choices import Entry
from tasks.sae_structure.nucleotides import Nucleotides
from tasks.sae_structure.partners import pair_lift
from tasks.sae_structure.scores import Part, Sampled

MOST_SHUFFLED = 200
"""RNAs that are shuffled, at most, evenly spread over those that the headline counts."""


def stem_lift(entries: Sequence[Entry], nucleotides: Nucleotides, part: Part) -> Estimate | None:
    """Pair lift of the features chosen for stems; None where no stem is scored or no pair is known.

    A feature whose absence marks stems counts where it is absent.
    """
    if "S" not in part.elements or not (nucleotides.partner[part.rows] >= 0).any():
        return None
    stem = part.elements.index("S")
    rnas = np.unique(nucleotides.rna[part.rows])
    every = np.arange(len(nucleotides.rna))
    weights = np.vstack([np.ones((1, part.rnas)), part.weights])
    values = [pair_lift(entry.called(every)[:, stem], nucleotides, rnas).value(weights) for entry in entries]
    return nested_estimate([own[1:] for own in values], [own[0] for own in values], part.units)


def shuffled_rnas(part_of_rna: Integers) -> Integers:
    """The RNAs that are shuffled: at most 200 of those in ``part_of_rna``, evenly spread."""
    return part_of_rna[:: -(-len(part_of_rna) // MOST_SHUFFLED)]


def shuffle_response(
    entries: Sequence[Entry], part: Part, real_rows: Sequence[slice], shuffled_rows: Sequence[slice], own: Integers
) -> Estimate:
    """(real - shuffled) / (real + shuffled) of the nucleotides that are called, mean over the elements of the headline.

    0: dinucleotides explain all of the feature. 1: it is never active on shuffled RNAs.

    Args:
        real_rows, shuffled_rows: rows of every RNA that was shuffled, as it is and shuffled.
        own: its number within the part.
    """
    values = []
    for entry in entries:
        counts = np.zeros((part.rnas, len(part.elements), 2))
        called = _counts(entry.called(_joined(real_rows)), real_rows)
        left = _counts(entry.called_shuffled(_joined(shuffled_rows)), shuffled_rows)
        counts[own, :, 0], counts[own, :, 1] = called, left
        values.append(Sampled.of_counts(counts, part.weights, _contrast))
    draws = [sampled.draws[:, part.headline].mean(axis=1) for sampled in values]
    points = [sampled.points[part.headline].mean() for sampled in values]
    return nested_estimate(draws, points, part.units)


def _contrast(sums: Floats) -> Floats:
    real, shuffled = sums[..., 0], sums[..., 1]
    both = real + shuffled
    return np.divide(real - shuffled, both, out=np.zeros_like(both), where=both > 0)


def _joined(rows: Sequence[slice]) -> Integers:
    return np.concatenate([np.arange(own.start, own.stop) for own in rows])


def _counts(called: Membership, rows: Sequence[slice]) -> Floats:
    """(RNAs, elements): called nucleotides of each."""
    ends = np.cumsum([own.stop - own.start for own in rows])
    sums = np.vstack([np.zeros((1, called.shape[1])), called.cumsum(axis=0)])
    return np.diff(sums[np.concatenate([[0], ends])], axis=0)
