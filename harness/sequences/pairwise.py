"""Pairwise alignment scores, for the reference models and for tasks that control for identity."""

from __future__ import annotations

from math import log

MATCH, MISMATCH, GAP_OPEN, GAP_EXTEND = 5, -4, 12, 4
"""+5/−4 is the usual nucleotide matrix for distant homologs (EDNAFULL); a gap's first nucleotide costs GAP_OPEN."""

SCALE = 0.1915
"""λ of Karlin and Altschul 1990 (doi:10.1073/pnas.87.6.2264): e^(5λ)/4 + 3e^(−4λ)/4 = 1, for ungapped alignments."""


def global_identity(first: str, second: str) -> float:
    """1 − d / L, with d the edit distance of the global alignment and L the length of the longer sequence: 0 to 1.

    By edlib (Šošić and Šikić 2017, doi:10.1093/bioinformatics/btw753).
    """
    from edlib import align

    distance: int = align(first, second, mode="NW", task="distance")["editDistance"]
    return 1 - distance / max(len(first), len(second))


def local_alignment(first: str, second: str) -> float:
    """λS − ln(mn): score S of the best local alignment of m and n nucleotides, less what chance gives at that size.

    It is minus the logarithm of a Karlin-Altschul E-value, up to a constant. N matches nothing and costs nothing.
    By parasail (Daily 2016, doi:10.1186/s12859-016-0930-z).
    """
    import parasail

    matrix = parasail.matrix_create("ACGU", MATCH, MISMATCH)
    best = parasail.sw_striped_sat(first, second, GAP_OPEN, GAP_EXTEND, matrix).score
    return SCALE * best - log(len(first) * len(second))
