"""Scores that no model is needed for: the number of mutations, GC content, and a Markov model of the wild type."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import log

import numpy as np

from tasks.fitness.data import Assay, Floats
from tasks.fitness.masked import LETTERS

K = 3


def mutation_count(assay: Assay) -> Floats:
    """Minus the number of mutations."""
    return -assay.counts.astype(np.float64)


def gc_content(assay: Assay) -> Floats:
    """The share of G and C: what is paired more stably is taken to be fitter."""
    return np.array([(own.count("G") + own.count("C")) / len(own) for own in assay.sequences])


def markov(assay: Assay) -> Floats:
    """Log-likelihood, less that of the wild type, under a Markov chain of the wild type's own 3-mers.

    Each nucleotide depends on the two before it; every 3-mer is counted once more than it occurs. 3-mers with an N are
    left out.
    """
    counts = {first + second: dict.fromkeys(LETTERS, 1) for first in LETTERS for second in LETTERS}
    for kmer in _kmers(assay.wild_type):
        counts[kmer[:-1]][kmer[-1]] += 1
    chance = {
        context + letter: log(count / sum(own.values()))
        for context, own in counts.items()
        for letter, count in own.items()
    }
    totals = [sum(chance[kmer] for kmer in _kmers(sequence)) for sequence in (assay.wild_type, *assay.sequences)]
    return np.array(totals[1:]) - totals[0]


def _kmers(sequence: str) -> list[str]:
    found = (sequence[start : start + K] for start in range(len(sequence) - K + 1))
    return [kmer for kmer in found if set(kmer) <= set(LETTERS)]


FLOORS: Mapping[str, Callable[[Assay], Floats]] = {
    "mutation-count": mutation_count,
    "gc-content": gc_content,
    "markov-3mer": markov,
}
