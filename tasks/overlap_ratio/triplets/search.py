"""Candidates for anchored triplets: which sequences and families to compare, and decoys as near as a homolog."""

from __future__ import annotations

import re
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, vstack

from harness.datasets.records import Dataset, Record
from harness.sequences.kmers import kmer_counts

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]

SHORTEST, LONGEST = 30, 512
ENTROPY = 1.6
"""Bits: a sequence of less 1-mer entropy is a low-complexity one."""

SMALLEST_FAMILY = 3
RELATED = 0.60
"""Two families with one pair of sequences of this global identity may be relatives, whatever their names say."""

ANCHORS = 40
CANDIDATES = 4000
_PER_ANCHOR = 400
_COORDINATES = re.compile(r"\|([^/]+?)(?:\.\d+)?/(\d+)-(\d+)$")  # RF00001|X01556.1/3-118


@dataclass(frozen=True)
class Tolerances:
    """How far apart the homolog b and the decoy c may be, as a seen from a or side by side."""

    cosine: float = 0.01
    log_length: float = 0.1
    composition: float = 0.10
    identity: float = 0.02

    def tightened(self, factor: float) -> Tolerances:
        return Tolerances(*(factor * own for own in (self.cosine, self.log_length, self.composition, self.identity)))


@dataclass(frozen=True)
class Members:
    """Sequences that may be part of a triplet, the shortest first, and numbers about them; all (members,) or longer.

    ``family`` numbers the families in the order of their names, ``size`` is the number of members of each member's
    family, ``composition`` is (members, 4), ``entropy`` in bits.
    """

    ids: tuple[str, ...]
    sequences: tuple[str, ...]
    families: tuple[str, ...]
    family: Integers
    size: Integers
    log_length: Floats
    composition: Floats
    entropy: Floats

    @classmethod
    def of(cls, records: list[Record]) -> Members:
        sequences = tuple(record.sequence for record in records)
        families, family = np.unique([record.family or "" for record in records], return_inverse=True)
        counts = np.array([[sequence.count(letter) for letter in "ACGU"] for sequence in sequences]).reshape(-1, 4)
        composition = counts / counts.sum(axis=1, keepdims=True)
        return cls(
            ids=tuple(record.id for record in records),
            sequences=sequences,
            families=tuple(families.tolist()),
            family=family.astype(np.int64),
            size=np.bincount(family, minlength=1)[family].astype(np.int64),
            log_length=np.log([len(sequence) for sequence in sequences]),
            composition=composition,
            entropy=np.array([_entropy(sequence) for sequence in sequences]),
        )


def eligible(dataset: Dataset) -> Members:
    """Distinct sequences of 30 to 512 nt over A C G U and of enough entropy, of families with three of them or more."""
    found: dict[tuple[str, str], Record] = {}
    for record in sorted(dataset.records, key=lambda record: record.id):
        sequence = record.sequence
        if record.family is None or not SHORTEST <= len(sequence) <= LONGEST or "N" in sequence:
            continue
        if _entropy(sequence) > ENTROPY:
            found.setdefault((record.family, sequence), record)
    sizes = Counter(family for family, _ in found)
    records = [record for (family, _), record in found.items() if sizes[family] >= SMALLEST_FAMILY]
    return Members.of(sorted(records, key=lambda record: (len(record.sequence), record.id)))


class Kinship:
    """Which families may be relatives: of one clan, on one stretch of a genome, or alike in any two sequences."""

    def __init__(self, dataset: Dataset, families: tuple[str, ...]) -> None:
        number = {family: position for position, family in enumerate(families)}
        members: defaultdict[int, set[str]] = defaultdict(set)
        places: defaultdict[str, list[tuple[int, int, int]]] = defaultdict(list)
        self._clan: dict[int, str] = {}
        for record in dataset.records:
            if (family := number.get(record.family or "")) is None:
                continue
            members[family].add(record.sequence)
            if record.clan is not None:
                self._clan[family] = record.clan
            if where := _COORDINATES.search(record.id):
                start, end = sorted((int(where[2]), int(where[3])))
                places[where[1]].append((start, end, family))
        self._sequences = {family: sorted(own, key=lambda s: (len(s), s)) for family, own in members.items()}
        self._lengths = {family: np.array([len(s) for s in own]) for family, own in self._sequences.items()}
        self._known = dict.fromkeys(_overlapping(places), True)

    def related(self, first: int, second: int) -> bool:
        """Whether a member of one family is no safe decoy for the other. Asked again, it remembers."""
        if first in self._clan and self._clan[first] == self._clan.get(second):
            return True
        pair = (min(first, second), max(first, second))
        if pair not in self._known:
            self._known[pair] = self._alike(*pair)
        return self._known[pair]

    def _alike(self, first: int, second: int) -> bool:
        from edlib import align

        others, lengths = self._sequences[second], self._lengths[second]
        for sequence in self._sequences[first]:
            # identity is at most the ratio of the lengths
            low, high = RELATED * len(sequence) - 1e-9, len(sequence) / RELATED + 1e-9
            for other in others[np.searchsorted(lengths, low) : np.searchsorted(lengths, high, side="right")]:
                allowed = int((1 - RELATED) * max(len(sequence), len(other)) + 1e-9)
                if align(sequence, other, mode="NW", task="distance", k=allowed)["editDistance"] >= 0:
                    return True
        return False


def candidates(members: Members, tolerances: Tolerances, seed: int) -> Iterator[Integers]:
    """Family by family up to :data:`CANDIDATES` triplets (n, 3) of a, b, c within the tolerances but for identity.

    At most :data:`ANCHORS` members of a family stand for a and b. The order is random, but the first ones are of as
    many families of c as there are. Time: one sparse product of every family with the members of like length.
    """
    if not members.families:
        return
    words = _unit_counts(members.sequences)
    for number, name in enumerate(members.families):
        generator = np.random.default_rng([seed, zlib.crc32(name.encode())])
        own = generator.permutation(np.flatnonzero(members.family == number))[:ANCHORS]
        found = _of_family(own, members, words, tolerances, generator)
        found = generator.permutation(found)[:CANDIDATES]
        yield found[np.argsort(_occurrence(members.family[found[:, 2]]), kind="stable")]


def unrelated(triplets: Integers, members: Members, kinship: Kinship, count: int) -> Integers:
    """The first ``count`` triplets whose two families are no relatives."""
    family = members.family
    kept = (row for row in triplets.tolist() if not kinship.related(int(family[row[0]]), int(family[row[2]])))
    return np.array(list(islice(kept, count)), dtype=np.int64).reshape(-1, 3)


def _of_family(
    own: Integers, members: Members, words: csr_array, tolerances: Tolerances, generator: np.random.Generator
) -> Integers:
    near, log_length = tolerances.log_length, members.log_length
    low = int(np.searchsorted(log_length, log_length[own].min() - near))
    high = int(np.searchsorted(log_length, log_length[own].max() + near, side="right"))
    cosines = (words[own] @ words[low:high].T).toarray()
    others = low + np.flatnonzero(members.family[low:high] != members.family[own[0]])
    found = [np.empty((0, 3), np.int64)]
    for a, cosine in zip(own.tolist(), cosines, strict=True):
        b = own[(own != a) & (np.abs(log_length[own] - log_length[a]) <= near)]
        c = others[np.abs(log_length[others] - log_length[a]) <= near]
        if len(b) == 0 or len(c) == 0:
            continue
        c = c[cosine[c - low] >= cosine[b - low].min() - tolerances.cosine]
        close = np.abs(cosine[b - low][:, None] - cosine[c - low]) <= tolerances.cosine
        close &= np.abs(log_length[b][:, None] - log_length[c]) <= near
        first, second = np.nonzero(close)
        apart = np.abs(members.composition[b[first]] - members.composition[c[second]]).sum(axis=1)
        chosen = generator.permutation(np.flatnonzero(apart <= tolerances.composition))[:_PER_ANCHOR]
        found.append(np.stack([np.full(len(chosen), a), b[first[chosen]], c[second[chosen]]], axis=1))
    return np.concatenate(found)


def _unit_counts(sequences: tuple[str, ...]) -> csr_array:
    """(sequences, 4096) 6-mer counts scaled to length 1, a thousand dense rows at a time."""
    blocks = []
    for start in range(0, len(sequences), 1000):
        counts = kmer_counts(sequences[start : start + 1000], 6)
        blocks.append(csr_array(counts / np.linalg.norm(counts, axis=1, keepdims=True)))
    return csr_array(vstack(blocks))


def _overlapping(places: dict[str, list[tuple[int, int, int]]]) -> set[tuple[int, int]]:
    """Pairs of families with members that share a nucleotide of one accession, on either strand."""
    pairs = set()
    for own in places.values():
        own.sort()
        for position, (_, end, family) in enumerate(own):
            for start, _, other in own[position + 1 :]:
                if start > end:
                    break
                pairs.add((min(family, other), max(family, other)))
    return pairs


def _occurrence(values: Integers) -> Integers:
    """How many equal values come before each: 0 for the first of its kind."""
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    count = np.empty(len(values), np.int64)
    count[order] = np.arange(len(values)) - np.searchsorted(ordered, ordered)
    return count


def _entropy(sequence: str) -> float:
    shares = np.array([sequence.count(letter) for letter in "ACGU"]) / len(sequence)
    shares = shares[shares > 0]
    return float(-(shares * np.log2(shares)).sum())
