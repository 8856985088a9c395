"""Nucleotides with their structural elements: the items of sae-structure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from harness.activations.reader import known_positions
from harness.datasets.loop_types import one_partner
from harness.datasets.records import Record
from harness.progress import QUIET, Progress
from tasks.sae.concepts.membership import Floats, Integers, Membership

ELEMENTS: Mapping[str, str] = {
    "S": "stem",
    "H": "hairpin",
    "B": "bulge",
    "I": "internal loop",
    "M": "multiloop",
    "E": "dangling end",
    "X": "external loop",
    "K": "pseudoknot",
}
"""Letters of bpRNA, and K for every nucleotide whose base pair crosses another one: it has a second letter then."""
HEADLINE = "SHBIM"
"""E and X can be told from the distance to the end alone, and K is known where base pairs are."""
DECILES = 10
_LETTERS = "ACGUN"


@dataclass(frozen=True)
class Nucleotides:
    """All nucleotides of some RNAs but N, one row each, RNA by RNA.

    ``rna`` and ``position`` say where a row comes from; ``labels`` (rows, elements) which of :data:`ELEMENTS` it
    belongs to; ``partner`` is the row it pairs with, or -1 (one partner each; -1 too where that is an N).
    """

    records: tuple[Record, ...]
    rna: Integers
    position: Integers
    labels: Membership
    partner: Integers

    @classmethod
    def of(cls, records: Sequence[Record], progress: Progress = QUIET) -> Nucleotides:
        """Annotates the records that give no loop types, a few milliseconds each: once, since a record keeps them."""
        rna, positions, labels, partners = [], [], [], []
        start = 0
        for index, record in enumerate(progress.over("structural elements", records)):
            known = known_positions(record.sequence)
            partner = np.full(len(record.sequence), -1)
            row = np.full(len(record.sequence) + 1, -1)  # the last one is of no partner
            row[known] = start + np.arange(len(known))
            for i, j in one_partner(record.sequence, record.pairs or ()):
                partner[i], partner[j] = j, i
            rna.append(np.full(len(known), index))
            positions.append(known)
            labels.append(_labels(record)[known])
            partners.append(row[partner[known]])
            start += len(known)
        joined = [np.concatenate(part) for part in (rna, positions, labels, partners)]
        return cls(tuple(records), *joined)

    @cached_property
    def starts(self) -> Integers:
        """(RNAs + 1,): where the rows of each RNA begin."""
        return np.searchsorted(self.rna, np.arange(len(self.records) + 1))

    @cached_property
    def base(self) -> Integers:
        """(rows,): 0 to 3 for A, C, G, U."""
        return self._neighbour(0)

    @cached_property
    def to_the_end(self) -> Integers:
        """(rows,): distance to the nearest end of the RNA, 0 at the ends."""
        lengths = np.array([len(record.sequence) for record in self.records])
        return np.minimum(self.position, lengths[self.rna] - 1 - self.position)

    def member(self, elements: Sequence[str]) -> Membership:
        """(rows, elements) of some elements."""
        return self.labels[:, [list(ELEMENTS).index(element) for element in elements]]

    def contexts(self, edges: Floats) -> Integers:
        """(rows,): one number for each trinucleotide around a nucleotide and each class of distance to the end.

        Args:
            edges: of the classes, ascending, as :func:`distance_edges` gives them.
        """
        before, after = self._neighbour(-1), self._neighbour(1)
        trinucleotide = (before * 5 + self.base) * 5 + after
        return trinucleotide * (len(edges) + 1) + np.searchsorted(edges, self.to_the_end, side="right")

    def _neighbour(self, step: int) -> Integers:
        """The letter ``step`` nucleotides on, 4 for N and beyond the ends."""
        found = []
        for index, record in enumerate(self.records):
            codes = np.array([_LETTERS.index(letter) for letter in f"N{record.sequence}N"])
            found.append(codes[self.position[self.starts[index] : self.starts[index + 1]] + 1 + step])
        return np.concatenate(found)


def distance_edges(nucleotides: Nucleotides) -> Floats:
    """The inner deciles of the distance to the end."""
    return np.quantile(nucleotides.to_the_end, np.arange(1, DECILES) / DECILES)


def _labels(record: Record) -> NDArray[np.bool_]:
    """(length, elements)."""
    letters = np.array(list(record.loop_types or ""))
    labels = letters[:, None] == np.array(list(ELEMENTS))
    pairs = np.array(one_partner(record.sequence, record.pairs or ()), dtype=np.int64).reshape(-1, 2)
    first, second = pairs.T
    inside = (first[:, None] < first) & (first < second[:, None]) & (second[:, None] < second)
    labels[pairs[(inside | inside.T).any(axis=1)], list(ELEMENTS).index("K")] = True
    return labels
