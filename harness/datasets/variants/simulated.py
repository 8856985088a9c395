"""The embedded set ``hairpin-scans``: mutational scans of simulated hairpins in which only base pairs matter.

Every wild type is a hairpin of 12 base pairs, three of each of AU, UA, GC and CG in random order, with 12 unpaired
nucleotides, three of each letter, in its loop and tails. There are five kinds of variants, equally many of each:

====================  ===========  ==========================================================
kind                  mutations    effect
====================  ===========  ==========================================================
stem disrupted        1            one pair broken
stem disrupted        2            two pairs broken, by one mutation each
stem compensated      2            both letters of one pair replaced, and they pair again
loop changed          1 and 2      unpaired letters replaced
====================  ===========  ==========================================================

A broken pair costs 1, any other mutation 0.05, and noise between -0.1 and 0.1 is added. Kinds with as many mutations
share their substitutions: for every compensated A-U to U-A there is a variant that makes the same two substitutions in
different pairs, and one that makes them among unpaired letters. Whatever reads letters alone, or counts mutations,
therefore cannot tell the kinds apart.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from harness.datasets.manifest import manifests
from harness.datasets.records import Dataset, Record, Variant
from harness.datasets.rfam_profiles import SCALE, Noise
from harness.datasets.variants.mutations import Mutation, mutated

ASSAYS = 6
BROKEN_PAIR, OTHER_MUTATION, NOISE = 1.0, 0.05, 0.1

_SEED = 41
_TAIL, _LOOP, _OF_EACH = 3, 6, 3
_PAIRS = ("AU", "UA", "GC", "CG")
_REPLACED = {"AU": ("UA", "CG"), "UA": ("AU", "GC"), "GC": ("CG", "UA"), "CG": ("GC", "AU")}
"""Pairs that a pair becomes by two transversions. Either of them alone breaks it: no wobble pair is left."""


class Hairpin(NamedTuple):
    """A wild type, its base pairs from the outermost, and its unpaired positions."""

    sequence: str
    pairs: tuple[tuple[int, int], ...]
    unpaired: tuple[int, ...]


def load() -> Dataset:
    """The dataset ``hairpin-scans``; ``family`` is the assay, ``pairs`` are those of the wild type."""
    records = tuple(record for number in range(1, ASSAYS + 1) for record in _assay(number))
    return Dataset(manifests()["hairpin-scans"].card, records)


def hairpin(source: Noise) -> Hairpin:
    stem = _shuffled([pair for pair in _PAIRS for _ in range(_OF_EACH)], source)
    unpaired = "".join(_shuffled([letter for letter in "ACGU" for _ in range(_OF_EACH)], source))
    head, loop, tail = unpaired[:_TAIL], unpaired[_TAIL : _TAIL + _LOOP], unpaired[_TAIL + _LOOP :]
    opening, closing = "".join(pair[0] for pair in stem), "".join(pair[1] for pair in reversed(stem))
    sequence = head + opening + loop + closing + tail
    pairs = tuple((_TAIL + place, len(sequence) - 1 - _TAIL - place) for place in range(len(stem)))
    inside = {position for pair in pairs for position in pair}
    return Hairpin(sequence, pairs, tuple(place for place in range(len(sequence)) if place not in inside))


def effect(broken: int, mutations: int) -> float:
    """The fitness of a variant before noise."""
    return -BROKEN_PAIR * broken - (0.0 if broken else OTHER_MUTATION * mutations)


def _assay(number: int) -> Iterator[Record]:
    source, assay = Noise([_SEED, number]), f"hairpin-{number}"
    wild_type = hairpin(source)
    for broken, places in _variants(wild_type):
        mutations = [Mutation(wild_type.sequence[place], place, after) for place, after in sorted(places.items())]
        [noise] = source.draw(1).tolist()
        score = effect(broken, len(mutations)) + NOISE * (2 * noise / SCALE - 1)
        yield Record(
            f"{assay}/{','.join(map(str, mutations))}",
            mutated(wild_type.sequence, mutations),
            family=assay,
            pairs=wild_type.pairs,
            variant=Variant(wild_type.sequence, round(score, 4)),
        )


def _variants(wild_type: Hairpin) -> Iterator[tuple[int, dict[int, str]]]:
    """The number of broken pairs and the new letters of every variant, by position."""
    letters = wild_type.sequence
    free = {letter: [place for place in wild_type.unpaired if letters[place] == letter] for letter in "ACGU"}
    for pair in _PAIRS:
        own = [(i, j) for i, j in wild_type.pairs if letters[i] + letters[j] == pair]
        for after in _REPLACED[pair]:
            for turn, (i, j) in enumerate(own):
                other = own[(turn + 1) % len(own)][1]
                # AU to UA among unpaired letters is not UA to AU at the same two
                second = free[pair[1]][(turn + (pair[0] > pair[1])) % _OF_EACH]
                yield 0, {i: after[0], j: after[1]}
                yield 2, {i: after[0], other: after[1]}
                yield 0, {free[pair[0]][turn]: after[0], second: after[1]}
                yield 1, {i: after[0]}
                yield 0, {free[pair[0]][turn]: after[0]}


def _shuffled(things: list[str], source: Noise) -> list[str]:
    order = source.draw(len(things))
    return [things[place] for place in sorted(range(len(things)), key=lambda place: (int(order[place]), place))]
