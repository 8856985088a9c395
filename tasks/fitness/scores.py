"""The scores of variants, each by its name; the wild type would have 0 under every one, and higher is fitter.

With M the mutated positions and x without i the sequence in which position i is masked, a variant scores

===================  ==============================================================================================
wt-fill              sum over i in M of log p(new | wild type without i) - log p(old | wild type without i)
mask-fill            the same, with all of M masked at once
mut-fill             the same, in the variant instead of the wild type
match-fill           log p(new | variant without i) - log p(old | wild type without i)
wt-marginal          as wt-fill, but nothing is masked: one pass over the wild type
pseudo-likelihood    sum over all i of log p(letter | variant without i), less that of the wild type
causal-likelihood    log p(variant) - log p(wild type), nucleotide by nucleotide from the 5' end
===================  ==============================================================================================

The first four are the fills of RNAGym (what fills the other mutated positions); on single mutants they are one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from harness.adapter import ModelAdapter
from harness.datasets.variants.mutations import Mutation
from harness.errors import HarnessError
from tasks.fitness.data import Assay, Floats
from tasks.fitness.masked import LETTERS, Masked, Request, spread

FILLS = ("wt-fill", "mask-fill", "mut-fill", "match-fill")
WT_MARGINAL, PSEUDO_LIKELIHOOD, CAUSAL_LIKELIHOOD = "wt-marginal", "pseudo-likelihood", "causal-likelihood"
SCORES = (*FILLS, WT_MARGINAL, PSEUDO_LIKELIHOOD, CAUSAL_LIKELIHOOD)
HEADLINE = (FILLS[0], CAUSAL_LIKELIHOOD)
"""The score of the headline: the first that a model has."""
SPREAD = "spread"
"""Beside the scores: how far predictions move between positions of the wild type."""

DECIMALS = 5
"""Scores closer than this are equal: predictions depend on the batch in the sixth decimal."""


def score(model: ModelAdapter, assay: Assay, pseudo_likelihood: bool) -> dict[str, Floats]:
    """Every score that the model has, (variants,), and the :data:`SPREAD` of its predictions, (1,)."""
    found: dict[str, Floats] = {}
    has = model.card.capabilities
    if "log_probs" in has:
        masked = Masked(model, _requests(assay, pseudo_likelihood))
        wild_type = assay.wild_type
        found[SPREAD] = np.array([spread(masked.row(wild_type, (i,), i) for i in _known(wild_type))])
        for name, terms in zip(FILLS, (_wt_fill, _mask_fill, _mut_fill, _match_fill), strict=True):
            found[name] = np.array([terms(masked, assay, row) for row in range(len(assay.records))])
        if pseudo_likelihood:
            own = np.array([_pseudo(masked, sequence) for sequence in (wild_type, *assay.sequences)])
            found[PSEUDO_LIKELIHOOD] = own[1:] - own[0]
    if "unmasked_log_probs" in has:
        [rows] = _in_order(model, model.unmasked_log_probs([assay.wild_type]), [assay.wild_type])
        found[WT_MARGINAL] = np.array([_log_odds(rows, mutations) for mutations in assay.mutations])
    if "causal_log_probs" in has:
        sequences = [assay.wild_type, *assay.sequences]
        every = _in_order(model, model.causal_log_probs(sequences), sequences)
        # nothing may come before the first nucleotide
        found.setdefault(SPREAD, np.array([spread(every[0][1:])]))
        own = np.array([_total(rows, sequence) for rows, sequence in zip(every, sequences, strict=True)])
        found[CAUSAL_LIKELIHOOD] = own[1:] - own[0]
    return {name: values if name == SPREAD else np.round(values, DECIMALS) for name, values in found.items()}


def _requests(assay: Assay, pseudo_likelihood: bool) -> Iterator[Request]:
    for i in _known(assay.wild_type):
        yield assay.wild_type, (i,)
    for sequence, mutations in zip(assay.sequences, assay.mutations, strict=True):
        yield assay.wild_type, _places(mutations)
        for i in _known(sequence) if pseudo_likelihood else _places(mutations):
            yield sequence, (i,)


def _wt_fill(masked: Masked, assay: Assay, row: int) -> float:
    wild_type = assay.wild_type
    return sum(_odds(masked, own, wild_type, (own.position,)) for own in assay.mutations[row])


def _mask_fill(masked: Masked, assay: Assay, row: int) -> float:
    mutations = assay.mutations[row]
    return sum(_odds(masked, own, assay.wild_type, _places(mutations)) for own in mutations)


def _mut_fill(masked: Masked, assay: Assay, row: int) -> float:
    return sum(_odds(masked, own, assay.sequences[row], (own.position,)) for own in assay.mutations[row])


def _match_fill(masked: Masked, assay: Assay, row: int) -> float:
    return sum(
        masked.log_probability(own.after, assay.sequences[row], (own.position,), own.position)
        - masked.log_probability(own.before, assay.wild_type, (own.position,), own.position)
        for own in assay.mutations[row]
    )


def _odds(masked: Masked, own: Mutation, sequence: str, positions: tuple[int, ...]) -> float:
    return masked.log_probability(own.after, sequence, positions, own.position) - masked.log_probability(
        own.before, sequence, positions, own.position
    )


def _pseudo(masked: Masked, sequence: str) -> float:
    return sum(masked.log_probability(sequence[i], sequence, (i,), i) for i in _known(sequence))


def _log_odds(rows: NDArray[np.float32], mutations: Sequence[Mutation]) -> float:
    return sum(
        float(rows[own.position, LETTERS.index(own.after)]) - float(rows[own.position, LETTERS.index(own.before)])
        for own in mutations
    )


def _total(rows: NDArray[np.float32], sequence: str) -> float:
    return sum(float(rows[i, LETTERS.index(sequence[i])]) for i in _known(sequence))


def _places(mutations: Sequence[Mutation]) -> tuple[int, ...]:
    return tuple(own.position for own in mutations)


def _known(sequence: str) -> list[int]:
    """Positions whose letter is known; an N has no likelihood."""
    return [place for place, letter in enumerate(sequence) if letter in LETTERS]


def _in_order(
    model: ModelAdapter, found: Iterator[tuple[int, NDArray[np.float32]]], sequences: Sequence[str]
) -> list[NDArray[np.float32]]:
    by_index = dict(found)
    for index, sequence in enumerate(sequences):
        if index not in by_index or by_index[index].shape != (len(sequence), len(LETTERS)):
            raise HarnessError(f"{model.card.name} returned no predictions for {len(sequence)} nucleotides")
    return [by_index[index] for index in range(len(sequences))]
