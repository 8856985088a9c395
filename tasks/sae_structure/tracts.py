"""Features that mark runs of one base, such as poly-G: they follow letters and no structure."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import scipy.sparse

from harness.activations.reader import known_positions
from tasks.sae.concepts.membership import Membership

BASES = "ACGU"
SHORTEST = 4
MOSTLY = 0.5
FEWEST_ACTIVE = 10


def tracts(sequences: Sequence[str]) -> Membership:
    """(nucleotides that are not N, 4): whether one lies in a run of four or more of A, C, G or U."""
    found = []
    for sequence in sequences:
        marked = np.zeros((len(sequence), len(BASES)), dtype=bool)
        for column, base in enumerate(BASES):
            for run in re.finditer(f"{base}{{{SHORTEST},}}", sequence):
                marked[run.start() : run.end(), column] = True
        found.append(marked[known_positions(sequence)])
    return np.concatenate(found)


def tract_of(codes: scipy.sparse.csr_array, member: Membership) -> list[str]:
    """For every feature of (nucleotides, features) the base of whose runs half of its active nucleotides are, or ""
    where there is none, or where fewer than 10 are active."""
    active = scipy.sparse.csr_array(codes > 0).astype(np.float64)
    counts = np.asarray(active.sum(axis=0)).reshape(-1)
    share = np.asarray(member.T.astype(np.float64) @ active) / np.maximum(counts, 1)
    usual = (share.max(axis=0) >= MOSTLY) & (counts >= FEWEST_ACTIVE)
    return [BASES[base] if flagged else "" for base, flagged in zip(share.argmax(axis=0), usual, strict=True)]
