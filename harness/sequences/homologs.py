"""How many independent sequences an alignment holds."""

from __future__ import annotations

from harness.sequences.alignment import Alignment

IDENTITY = 0.8
_ROWS = 512
"""Rows that are compared with all others at a time, so that memory stays bounded."""


def effective_size(alignment: Alignment, identity: float = IDENTITY) -> float:
    """Neff: the sum over rows of 1 / (rows of at least this identity to it, itself included).

    These are the weights of Morcos et al. 2011 (doi:10.1073/pnas.1111471108). Identity is the share of equal letters
    among the columns in which both rows hold A, C, G or U; rows that share no such column are not alike. Time O(rows²
    columns).
    """
    import numpy as np

    letters = np.array([np.frombuffer(row.encode("ascii"), dtype=np.uint8) for row in alignment.written])
    # sums of products of 0 and 1 are exact in float32
    present = (letters[:, :, None] == np.frombuffer(b"ACGU", dtype=np.uint8)).astype(np.float32)
    placed, present = present.sum(axis=2), present.reshape(len(letters), -1)
    total = 0.0
    for start in range(0, len(letters), _ROWS):
        rows = slice(start, start + _ROWS)
        equal, shared = present[rows] @ present.T, placed[rows] @ placed.T
        alike = (equal.astype(np.float64) >= identity * shared.astype(np.float64) - 1e-9) & (shared > 0)
        own = np.arange(len(alike))
        alike[own, start + own] = True
        total += float((1 / alike.sum(axis=1)).sum())
    return total
