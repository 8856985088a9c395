"""Shuffled sequences that keep how often each letter follows each other one."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise

import numpy as np


def dinucleotide_shuffle(sequence: str, generator: np.random.Generator) -> str:
    """A sequence with the same dinucleotides, and so the same letters and the same ends, in another order.

    Every such sequence is equally likely: a random walk back from the last letter draws, for every letter, the
    successor it is left by for the last time (a uniform spanning tree), and the other successors are permuted
    (Altschul and Erickson 1985, doi:10.1093/oxfordjournals.molbev.a040370, with the walk of Propp and Wilson 1998).
    """
    followers: defaultdict[str, list[str]] = defaultdict(list)
    for letter, following in pairwise(sequence):
        followers[letter].append(following)
    if len(sequence) < 3:
        return sequence
    end, last = sequence[-1], dict[str, int]()
    reached = {end}
    for start in sorted(followers):
        walk = start
        while walk not in reached:  # a loop is drawn over: what is drawn last for a letter counts
            last[walk] = int(generator.integers(len(followers[walk])))
            walk = followers[walk][last[walk]]
        walk = start
        while walk not in reached:
            reached.add(walk)
            walk = followers[walk][last[walk]]
    left: dict[str, list[str]] = {}
    for letter, own in followers.items():
        rest = [other for number, other in enumerate(own) if number != last.get(letter)]
        final = [own[last[letter]]] if letter in last else []
        left[letter] = [*final, *(rest[number] for number in generator.permutation(len(rest)))]
    found = [sequence[0]]
    while left.get(found[-1]):
        found.append(left[found[-1]].pop())
    return "".join(found)
