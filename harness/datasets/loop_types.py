"""Loop types of an RNA from its sequence and base pairs, by multimolecule's bpRNA annotator."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

Pair = tuple[int, int]

CANONICAL = frozenset({"AU", "UA", "GC", "CG", "GU", "UG"})


def annotate(sequence: str, pairs: Sequence[Pair]) -> str:
    """One letter per nucleotide: S stem, H hairpin, B bulge, I internal, M multiloop, X external, E dangling end.

    Nucleotides with several partners keep one (:func:`one_partner`), because the annotator takes one per nucleotide.
    Pairs of a pseudoknot's shorter helices get the letter of the loop they lie in, as in bpRNA.

    Args:
        sequence: upper-case nucleotides.
        pairs: (i, j), 0-based, i < j, multiplets and non-canonical pairs allowed.

    Source: bpRNA (Danaee et al. 2018, doi:10.1093/nar/gky285) as implemented in ``multimolecule``.
    """
    import torch
    from multimolecule.utils.rna.secondary_structure.bprna import BpRnaSecondaryStructureTopology

    partners = torch.tensor(one_partner(sequence, pairs), dtype=torch.long).reshape(-1, 2)
    return BpRnaSecondaryStructureTopology(sequence, partners).structural_annotation


def one_partner(sequence: str, pairs: Iterable[Pair]) -> list[Pair]:
    """At most one partner per nucleotide: canonical pairs win, then those of longer helices, then the leftmost."""
    distinct = set(pairs)
    lengths = _helix_lengths(distinct)

    def rank(pair: Pair) -> tuple[bool, int, Pair]:
        return sequence[pair[0]] + sequence[pair[1]] not in CANONICAL, -lengths[pair], pair

    taken: set[int] = set()
    kept = []
    for i, j in sorted(distinct, key=rank):
        if taken.isdisjoint((i, j)):
            taken.update((i, j))
            kept.append((i, j))
    return sorted(kept)


def _helix_lengths(pairs: set[Pair]) -> dict[Pair, int]:
    """Number of pairs stacked without a gap in the helix of each pair."""
    lengths: dict[Pair, int] = {}
    for i, j in pairs:
        if (i - 1, j + 1) in pairs:
            continue
        helix = [(i, j)]
        while (inner := (helix[-1][0] + 1, helix[-1][1] - 1)) in pairs:
            helix.append(inner)
        lengths.update(dict.fromkeys(helix, len(helix)))
    return lengths
