"""States without what the letter alone says: the mean of each letter taken off, layer by layer.

States of single letters lie in four clouds, which a random network keeps apart as a trained one does, and CKA sees
mostly these. What is left is the context of a nucleotide, or nothing.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tasks.similarity.cka import States

Letters = NDArray[np.str_]

NOTHING = 1e-4
"""States whose spread falls below this share of itself hold letters alone: the rest is rounding, not context."""


def less_letters(states: States, letters: Letters) -> States:
    """(n, width) less the mean of the states of the same letter; all 0 where letters are all there is."""
    values = states.astype(np.float64)
    spread = np.linalg.norm(values - values.mean(axis=0))
    for letter in np.unique(letters):
        values[letters == letter] -= values[letters == letter].mean(axis=0)
    if np.linalg.norm(values) <= NOTHING * spread:
        values[:] = 0
    return np.asarray(values, dtype=np.float32)
