"""Where along an element its feature is active, and which letters lie around its strongest activations."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from tasks.sae.concepts.membership import Floats, Integers
from tasks.sae_structure.choices import ALL, Entry
from tasks.sae_structure.elements import runs
from tasks.sae_structure.nucleotides import ELEMENTS, Nucleotides
from tasks.sae_structure.scores import Part

FLANK = 10
BINS = 10
PLACES = (*range(-FLANK, 0), *range(BINS), *range(BINS, BINS + FLANK))
"""Nucleotides before an element, tenths of it, nucleotides after it."""
TOP = 200
LETTERS = "ACGU"


def profile_table(entries: Sequence[Entry], nucleotides: Nucleotides, part: Part, layer: int) -> pd.DataFrame:
    """Share of nucleotides at each place of :data:`PLACES` where the feature chosen for an element is active.

    One row per source, element and place, mean over seeds; every element of test counts once, whatever its length.
    """
    rows = []
    for name in dict.fromkeys(entry.name for entry in entries):
        called = np.mean([entry.called(part.rows) for entry in entries if entry.name == name], axis=0)
        for c, element in enumerate(part.elements):
            profile, count = meta_profile(called[:, c], part.member[:, c], part.rna)
            places = zip(PLACES, profile.tolist(), strict=True)
            rows += [(name, layer, ELEMENTS[element], place, value, count) for place, value in places]
    return pd.DataFrame(rows, columns=["source", "layer", "element", "place", "active", "elements"])


def meta_profile(active: Floats, positive: np.ndarray, rna: Integers) -> tuple[Floats, int]:
    """(places,) mean activity before, along and after the elements, and how many there are.

    Flanks end with the RNA; a place that no element has is NaN. An element shorter than ten nucleotides fills several
    of its tenths with one of them.
    """
    elements = runs(positive, rna)
    starts = np.searchsorted(rna, rna[elements[:, 0]])
    ends = np.searchsorted(rna, rna[elements[:, 0]], side="right")
    first, after = elements[:, :1], elements[:, 1:]
    inside = first + (np.arange(BINS) + 0.5) * (after - first) / BINS
    place = np.hstack([first + np.arange(-FLANK, 0), inside.astype(int), after + np.arange(FLANK)])
    there = (place >= starts[:, None]) & (place < ends[:, None])
    sums = np.where(there, active[np.where(there, place, 0)], 0).sum(axis=0)
    counts = there.sum(axis=0)
    mean = np.divide(sums, counts, out=np.full(len(PLACES), np.nan), where=counts > 0)
    return mean, len(elements)


def logo_table(entry: Entry, nucleotides: Nucleotides, part: Part, units: Sequence[str], layer: int) -> pd.DataFrame:
    """Letters from 10 nucleotides before to 10 after the strongest activations of each chosen feature.

    At most 200 activations of a feature, one per unit of RNAs. One row per element and place, with counts of A, C, G
    and U; N and what lies beyond the ends counts nowhere. A feature whose absence is chosen shows where it is absent.

    Args:
        units: of every test RNA.
    """
    rows = []
    oriented = entry.oriented(ALL, part.rows)
    own = np.array([units[index] for index in nucleotides.rna[part.rows]])
    for c, element in enumerate(part.elements):
        called = np.flatnonzero(oriented[:, c] >= entry.choices[ALL].threshold[c])
        counts = np.zeros((2 * FLANK + 1, len(LETTERS)), dtype=int)
        for row in strongest(oriented[called, c], own[called])[:TOP]:
            place = part.rows[called[row]]
            letters = nucleotides.records[nucleotides.rna[place]].sequence
            start = int(nucleotides.position[place]) - FLANK
            for offset in range(2 * FLANK + 1):
                if 0 <= start + offset < len(letters) and letters[start + offset] in LETTERS:
                    counts[offset, LETTERS.index(letters[start + offset])] += 1
        rows += [(layer, ELEMENTS[element], place - FLANK, *found) for place, found in enumerate(counts.tolist())]
    return pd.DataFrame(rows, columns=["layer", "element", "place", *LETTERS])


def strongest(values: Floats, units: np.ndarray) -> Integers:
    """The strongest item of every unit, strongest units first; the first of equals."""
    order = np.argsort(-values, kind="stable")
    _, first = np.unique(units[order], return_index=True)
    return order[np.sort(first)]
