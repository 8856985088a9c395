"""What a perfect predictor can reach that is bound to canonical pairs, or to one partner per nucleotide."""

from __future__ import annotations

from tasks.structure.data import Rna
from tasks.structure.decoding import is_canonical


def canonical_pairs(rna: Rna) -> int:
    """How many known pairs are AU, GC or GU."""
    return int(is_canonical(rna.sequence)[rna.known].sum())


def one_partner_pairs(rna: Rna) -> int:
    """The most known pairs that can be had at once with one partner per nucleotide: a maximum matching."""
    import networkx

    pairs = set(rna.known_pairs)
    if len({position for pair in pairs for position in pair}) == 2 * len(pairs):
        return len(pairs)
    return len(networkx.max_weight_matching(networkx.Graph(sorted(pairs)), maxcardinality=True))


def is_pseudoknotted(rna: Rna) -> bool:
    """Whether two known pairs cross, i < k < j < l; multiplets that share a nucleotide do not cross."""
    pairs = sorted(rna.record.pairs or ())
    return any(i < k < j < last for i, j in pairs for k, last in pairs)
