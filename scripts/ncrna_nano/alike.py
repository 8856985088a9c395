"""When are two RNAs alike? One rule for clusters, for the held-out split and for the benchmarks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import edlib
import numpy as np
from scipy.sparse import csr_matrix

from harness.sequences.kmers import kmers

IDENTITY = 0.8
COVERAGE = 0.6
_WORD = 6
_SHARED = 0.08  # half of what 80 % identity over 60 % of an RNA leaves of its 6-mers: 0.6 * 0.8**6 = 0.16


def alike(first: str, second: str) -> bool:
    """Whether 60 % or more of the shorter sequence is 80 % or more identical to a stretch of the longer one.

    Identity is 1 - edit distance / length of what is aligned (edlib, infix alignment). Tried are the whole of the
    shorter sequence and the first, middle and last 60 % of it.
    """
    shorter, longer = sorted((first, second), key=len)
    span = int(np.ceil(COVERAGE * len(shorter)))
    starts = (0, (len(shorter) - span) // 2, len(shorter) - span)
    return any(_contains(longer, part) for part in (shorter, *(shorter[start : start + span] for start in starts)))


def _contains(longer: str, part: str) -> bool:
    allowed = int((1 - IDENTITY) * len(part) + 1e-9)
    return edlib.align(part, longer, mode="HW", task="distance", k=allowed)["editDistance"] >= 0


def words(sequences: Sequence[str]) -> csr_matrix:
    """Which 6-mers occur: (sequences, 4096) int32 of 0 and 1. Words with N are left out."""
    found = [np.unique(kmers(sequence, _WORD)) for sequence in sequences]
    pointers = np.concatenate([[0], np.cumsum([len(words) for words in found])])
    indices = np.concatenate([*found, np.empty(0, np.int64)])
    return csr_matrix((np.ones(len(indices), np.int32), indices, pointers), shape=(len(sequences), 4**_WORD))


def candidates(queries: csr_matrix, references: csr_matrix, chunk: int = 256) -> Iterator[np.ndarray]:
    """For every query the references that share enough 6-mers to be alike, those with most shared words first.

    Enough is 8 % of the words of the shorter one beyond what two random sequences of these lengths share.
    """
    sizes = np.asarray(references.sum(1)).ravel()
    transposed = references.T.tocsc()
    for start in range(0, queries.shape[0], chunk):
        block = queries[start : start + chunk]
        shared = (block @ transposed).toarray()
        for row, size in zip(shared, np.asarray(block.sum(1)).ravel(), strict=True):
            enough = size * sizes / 4**_WORD + _SHARED * np.minimum(size, sizes)
            likely = np.flatnonzero(row >= np.maximum(2, enough))
            yield likely[np.argsort(-row[likely], kind="stable")]


def alike_to_any(queries: Sequence[str], references: Sequence[str]) -> list[int]:
    """For every query the index of a reference that it is alike to, or -1."""
    if not queries or not references:
        return [-1] * len(queries)
    return [
        next((int(other) for other in likely if alike(query, references[other])), -1)
        for query, likely in zip(queries, candidates(words(queries), words(references)), strict=True)
    ]


def clusters(sequences: Sequence[str]) -> list[int]:
    """Greedy clusters: every sequence, longest first, joins the first representative it is alike to.

    Returns the index of the representative of each sequence.
    """
    order = sorted(range(len(sequences)), key=lambda index: (-len(sequences[index]), sequences[index]))
    ordered = [sequences[index] for index in order]
    found = words(ordered)
    representative = [-1] * len(ordered)
    for row, likely in enumerate(candidates(found, found)):
        joined = (other for other in likely if other < row and representative[other] == other)
        representative[row] = next((int(other) for other in joined if alike(ordered[row], ordered[other])), row)
    result = [-1] * len(sequences)
    for row, index in enumerate(order):
        result[index] = order[representative[row]]
    return result
