"""Clusters of near-identical sequences, so that splits and bootstraps never count one RNA twice.

Greedy, longest first, as CD-HIT (Li and Godzik 2006, doi:10.1093/bioinformatics/btl158): a sequence joins the first
representative to which it is similar enough, else it becomes one. Identity is 1 - d / L with d the edit distance of
the global alignment (edlib; Šošić and Šikić 2017, doi:10.1093/bioinformatics/btw753) and L the length of the longer
sequence: symmetric, and a fragment is no copy of the whole. Two sequences of different clusters may still be similar,
when neither is a representative.

Only pairs that share enough 6-mers are aligned. That is a heuristic, since at 80 % identity no number of shared 6-mers
is certain. Measured by aligning 1,000 random Rfam 14.1 seed sequences with every shorter one that could reach 80 %
(5.5 million alignments): none of the 5,655 pairs that do is missed. Proteins, whose words of that length say little at
40 % identity, are all aligned.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from harness.adapter import Alphabet
from harness.datasets.records import Dataset, Record
from harness.errors import InputError
from harness.progress import QUIET, Progress
from harness.storage.cache import cache_folder
from harness.storage.files import atomic_path

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

IDENTITY: dict[Alphabet, float] = {"nucleotide": 0.8, "protein": 0.4}
"""Of a cluster; that of proteins is the least to which CD-HIT clusters them."""
_VERSION = 1  # part of the cache's file name: raise it when the clusters change
_WORD = 6
_SHARE = 0.4  # of the share of 6-mers that independent errors leave, identity**6


def clusters(dataset: Dataset, identity: float = 0.8, progress: Progress = QUIET) -> dict[str, str]:
    """Record id -> cluster id, which is the id of the cluster's representative, its longest member.

    Made once per dataset fingerprint and kept in ``$HARNESS_CACHE`` (default ``~/.cache/harness``).

    Args:
        dataset: all of its records are clustered together, whatever their split or family.
        identity: least identity to the representative, over 0 and at most 1.

    Raises:
        InputError: the identity is out of range.
    """
    if not 0 < identity <= 1:
        raise InputError(f"identity {identity} is not between 0 and 1")
    kept = cache_folder() / "clusters" / f"{dataset.fingerprint}-{identity:g}-v{_VERSION}.json.gz"
    if (known := _load(kept)) is not None:
        return known
    # the order of the records in their file must not matter
    by_sequence: defaultdict[str, list[str]] = defaultdict(list)
    for record in sorted(dataset.records, key=lambda record: record.id):
        by_sequence[record.sequence].append(record.id)
    sequences = sorted(by_sequence, key=lambda sequence: (-len(sequence), sequence))
    names = [by_sequence[sequence][0] for sequence in sequences]
    representatives = greedy(sequences, identity, progress, dataset.card.alphabet)
    found = {
        record: names[representative]
        for sequence, representative in zip(sequences, representatives, strict=True)
        for record in by_sequence[sequence]
    }
    # a cache that cannot be written costs time, not the result
    with suppress(OSError), atomic_path(kept) as temporary:
        temporary.write_bytes(gzip.compress(json.dumps(found).encode(), mtime=0))
    return found


def clusters_of(dataset: Dataset, progress: Progress = QUIET) -> list[str]:
    """The cluster of every record: the dataset's own where every record has one, else those of :func:`clusters`."""
    own = [record.cluster for record in dataset.records]
    if all(name is not None for name in own):
        return [str(name) for name in own]
    found = clusters(dataset, IDENTITY[dataset.card.alphabet], progress)
    return [found[record.id] for record in dataset.records]


def kin(records: Sequence[Record], clusters: Sequence[str]) -> list[str]:
    """The name of each record's group: families, or records of none, that share clusters make one."""
    import networkx

    names = [record.family or record.id for record in records]
    graph = networkx.Graph((("family", name), ("cluster", own)) for name, own in zip(names, clusters, strict=True))
    group: dict[str, str] = {}
    for members in networkx.connected_components(graph):
        own = [name for kind, name in members if kind == "family"]
        group |= dict.fromkeys(own, min(own))
    return [group[name] for name in names]


def greedy(
    sequences: Sequence[str], identity: float, progress: Progress = QUIET, alphabet: Alphabet = "nucleotide"
) -> list[int]:
    """Index of the representative of every sequence; ``sequences`` are distinct, the longest first."""
    from edlib import align

    index: _Index = _EveryPair(sequences) if alphabet == "protein" else _WordIndex(sequences)
    representative = [-1] * len(sequences)
    for leader, sequence in enumerate(progress.over("clusters", sequences)):
        if representative[leader] >= 0:
            continue
        representative[leader] = leader
        allowed = int((1 - identity) * len(sequence) + 1e-9)
        for other in index.candidates(leader, len(sequence) - allowed, _SHARE * identity**_WORD):
            if representative[other] < 0:
                # -1 where the distance is over k
                aligned = align(sequence, sequences[other], mode="NW", task="distance", k=allowed)
                if aligned["editDistance"] >= 0:
                    representative[other] = leader
    return representative


class _Index(Protocol):
    def candidates(self, leader: int, shortest: int, share: float) -> Iterator[int]:
        """Later sequences of at least ``shortest`` letters that may be similar to the ``leader``."""


class _EveryPair:
    """All sequences that are long enough."""

    def __init__(self, sequences: Sequence[str]) -> None:
        self._lengths = [len(sequence) for sequence in sequences]

    def candidates(self, leader: int, shortest: int, share: float) -> Iterator[int]:
        return takewhile(lambda other: self._lengths[other] >= shortest, range(leader + 1, len(self._lengths)))


class _WordIndex:
    """Which sequences hold a word of six nucleotides: an inverted index, words without N only."""

    def __init__(self, sequences: Sequence[str]) -> None:
        import numpy as np

        from harness.sequences.kmers import kmers

        self._lengths = np.array([len(sequence) for sequence in sequences])
        self._words = [np.unique(kmers(sequence, _WORD)) for sequence in sequences]
        self._counts = np.array([len(words) for words in self._words])
        words = np.concatenate(self._words)
        owners = np.repeat(np.arange(len(sequences)), self._counts)
        order = np.argsort(words, kind="stable")
        self._owners = owners[order]
        self._starts = np.searchsorted(words[order], np.arange(4**_WORD + 1))

    def candidates(self, leader: int, shortest: int, share: float) -> Iterator[int]:
        """Later sequences of at least ``shortest`` nucleotides that hold ``share`` of the words or more.

        The share is of the distinct words of the sequence that has fewer, rounded down, and one less, so that short
        sequences are all candidates.
        """
        import numpy as np

        first, last = leader + 1, int(np.searchsorted(-self._lengths, -shortest, side="right"))
        if first >= last:
            return
        owners = np.concatenate([self._owners[:0], *map(self._postings, self._words[leader])])
        owners = owners[(owners >= first) & (owners < last)]
        shared = np.bincount(owners - first, minlength=last - first)
        needed = np.floor(share * np.minimum(self._counts[first:last], self._counts[leader])) - 1
        yield from (first + np.flatnonzero(shared >= needed)).tolist()

    def _postings(self, word: int) -> NDArray[np.int64]:
        return self._owners[self._starts[word] : self._starts[word + 1]]


def _load(path: Path) -> dict[str, str] | None:
    """What an earlier run kept; None where there is nothing whole."""
    try:
        known: dict[str, str] = json.loads(gzip.decompress(path.read_bytes()))
    except (OSError, EOFError, ValueError, zlib.error):
        return None
    return known
