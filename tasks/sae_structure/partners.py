"""Do both sides of a base pair activate a feature together, more than nucleotides as far apart that do not pair?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tasks.sae.concepts.membership import Floats, Integers
from tasks.sae_structure.nucleotides import Nucleotides


@dataclass(frozen=True)
class PairLift:
    """Counts (RNAs, distances) by which :meth:`value` is formed; a pair counts once from each side that is active.

    ``paired``: sides that are active and have a partner at this distance; ``paired_both``: those whose partner is
    active too. ``others`` and ``others_both``: the same for all nucleotides at this distance that do not pair.
    """

    paired: Floats
    paired_both: Floats
    others: Floats
    others_both: Floats

    def value(self, weights: Floats) -> Floats:
        """(draws,) under weights (draws, RNAs): the share of active nucleotides whose partner is active, over that at
        the same distances without pairing. 1 for a local motif; NaN where nothing active pairs."""
        paired, both, others, others_both = (
            weights @ counts for counts in (self.paired, self.paired_both, self.others, self.others_both)
        )
        share = np.divide(others_both, others, out=np.zeros_like(others), where=others > 0)
        expected = (paired * share).sum(axis=1)
        return np.divide(both.sum(axis=1), expected, out=np.full(len(expected), np.nan), where=expected > 0)


def pair_lift(active: NDArray[np.bool_], nucleotides: Nucleotides, rnas: Integers) -> PairLift:
    """Of a feature that is ``active`` (rows,) on nucleotides, in some RNAs: O(length^2) each, as products of arrays."""
    longest = max(len(nucleotides.records[index].sequence) for index in rnas)
    counts = np.zeros((4, len(rnas), longest))
    for number, index in enumerate(rnas):
        rows = slice(*nucleotides.starts[index : index + 2])
        position, partner = nucleotides.position[rows], nucleotides.partner[rows]
        length = len(nucleotides.records[index].sequence)
        on, known = np.zeros(length), np.zeros(length)
        on[position], known[position] = active[rows], 1
        pairs = np.flatnonzero(partner >= 0)
        distance = np.abs(position[pairs] - nucleotides.position[partner[pairs]])
        own, other = active[rows][pairs], active[partner[pairs]]
        paired = np.bincount(distance[own], minlength=longest)
        both = np.bincount(distance[own & other], minlength=longest)
        # sides of all pairs of positions by their distance: from the left and from the right
        sides = np.correlate(known, on, "full")[length - 1 :] + np.correlate(on, known, "full")[length - 1 :]
        together = 2 * np.correlate(on, on, "full")[length - 1 :]
        counts[:2, number] = paired, both
        counts[2, number, 1:length] = sides[1:] - paired[1:length]
        counts[3, number, 1:length] = together[1:] - both[1:length]
    return PairLift(*counts)
