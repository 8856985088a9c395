"""Rows, labels, partners and strata against the records they come from."""

from __future__ import annotations

import numpy as np

from harness.datasets.records import Record
from tasks.sae_structure.nucleotides import ELEMENTS, Nucleotides, distance_edges

#                  0         1         2
#                  01234567890123456789012
KNOT = Record("a", "ACGUNACGUACGUACGUACGUAC", pairs=((0, 12), (1, 11), (2, 10), (6, 18), (7, 17)))
PLAIN = Record("b", "NGGGAAACCCA", given_loop_types="ESSSHHHSSSE", pairs=((1, 9), (2, 8), (3, 7)))
BOTH = Nucleotides.of([KNOT, PLAIN])


def test_rows_are_the_nucleotides_that_are_known() -> None:
    for index, record in enumerate((KNOT, PLAIN)):
        own = BOTH.rna == index
        assert [record.sequence[p] for p in BOTH.position[own]] == list(record.sequence.replace("N", ""))
        assert ["ACGU"[b] for b in BOTH.base[own]] == list(record.sequence.replace("N", ""))
        assert BOTH.starts.tolist() == [0, 22, 32]


def test_labels_are_those_of_the_records_and_knots_are_pairs_that_cross() -> None:
    for row, (rna, position) in enumerate(zip(BOTH.rna, BOTH.position, strict=True)):
        record = (KNOT, PLAIN)[rna]
        letters = [element for element in ELEMENTS if BOTH.member([element])[row, 0]]
        crossing = {i for pair in KNOT.pairs or () for i in pair} if rna == 0 else set()
        assert letters == [(record.loop_types or "")[position], *(["K"] if position in crossing else [])]


def test_of_many_pairs_those_that_cross_another_one_are_knots() -> None:
    generator = np.random.default_rng(0)
    ends = generator.permutation(60)[:32].reshape(-1, 2)
    pairs = sorted((int(i), int(j)) for i, j in np.sort(ends, axis=1))
    crossing = {p for i, j in pairs for a, b in pairs if i < a < j < b or a < i < b < j for p in (i, j)}
    nested = ((60, 79), (61, 78))
    found = Nucleotides.of([Record("d", "A" * 80, pairs=(*pairs, *nested))])
    assert crossing and set(np.flatnonzero(found.member("K")[:, 0]).tolist()) == crossing


def test_partners_are_rows_and_an_unknown_one_is_none() -> None:
    for row, partner in enumerate(BOTH.partner):
        record = (KNOT, PLAIN)[BOTH.rna[row]]
        pairs = dict(record.pairs or ()) | {j: i for i, j in record.pairs or ()}
        expected = pairs.get(int(BOTH.position[row]))
        if expected is None:
            assert partner == -1
        else:
            assert (BOTH.rna[partner], BOTH.position[partner]) == (BOTH.rna[row], expected)
    # a nucleotide that pairs with an N has no partner
    lost = Nucleotides.of([Record("c", "NGAAAC", pairs=((0, 5),))])
    assert lost.partner.tolist() == [-1] * 5


def test_contexts_differ_where_neighbours_or_the_distance_to_the_end_do() -> None:
    edges = distance_edges(BOTH)
    assert len(edges) == 9
    found: dict[int, set[tuple[str, int]]] = {}
    for row, context in enumerate(BOTH.contexts(edges)):
        record, position = (KNOT, PLAIN)[BOTH.rna[row]], int(BOTH.position[row])
        near = min(position, len(record.sequence) - 1 - position)
        assert BOTH.to_the_end[row] == near
        letters = f"N{record.sequence}N"[position : position + 3]
        found.setdefault(int(context), set()).add((letters, int((edges <= near).sum())))
    assert all(len(own) == 1 for own in found.values())
    assert len({own for group in found.values() for own in group}) == len(found)


def test_rows_are_in_order() -> None:
    assert (np.diff(BOTH.rna) >= 0).all()
