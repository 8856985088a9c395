"""What a model predicts everywhere once one base is replaced: 3L + 1 passes per RNA, in batches."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from harness.adapter import ModelAdapter
from harness.errors import HarnessError
from tasks.structure.data import Rna

LETTERS = "ACGU"
Floats = NDArray[np.float32]


def predicts(model: ModelAdapter) -> bool:
    """Whether the model has log-probabilities that maps can be made of; others bring scores of pairs."""
    return bool({"unmasked_log_probs", "causal_log_probs"} & model.card.capabilities)


def is_causal(model: ModelAdapter) -> bool:
    """Whether a substitution can only change the predictions after it."""
    return "unmasked_log_probs" not in model.card.capabilities


def passes(sequence: str) -> int:
    """Forward passes per map: every known base by the three others, and the sequence as it is."""
    return 1 + 3 * sum(letter in LETTERS for letter in sequence)


def cost(rnas: Sequence[Rna]) -> str:
    """What the maps of these RNAs take, to be read before they start."""
    counts = [passes(rna.sequence) for rna in rnas]
    nucleotides = sum(count * rna.length for count, rna in zip(counts, rnas, strict=True))
    return f"{len(rnas):,} maps: {sum(counts):,} forward passes over {nucleotides:,} nucleotides"


def substituted(model: ModelAdapter, sequence: str) -> tuple[Floats, Floats]:
    """Log-probabilities of the sequence as it is, (length, 4), and of all substitutions, (length, 4, length, 4).

    The second holds, at [i, a], the predictions with letter a at position i; those of the letter that is there anyway,
    and all four where it is N, are the first. The passes go through in the model's own batches and only their
    log-probabilities stay, in 64 L² bytes: 12 MB for 440 nt.

    Raises:
        HarnessError: predictions of another shape than the sequence, or not for all sequences.
    """
    length = len(sequence)
    places = [
        (i, a) for i, own in enumerate(sequence) if own in LETTERS for a, letter in enumerate(LETTERS) if letter != own
    ]
    mutants = [sequence, *(sequence[:i] + LETTERS[a] + sequence[i + 1 :] for i, a in places)]
    before, after = np.empty((length, 4), np.float32), np.empty((length, 4, length, 4), np.float32)
    predict = model.causal_log_probs if is_causal(model) else model.unmasked_log_probs
    seen = 0
    for index, values in predict(mutants):
        if values.shape != before.shape:
            raise HarnessError(f"{model.card.name} returned predictions of shape {values.shape} for {length} nt")
        if index:
            after[places[index - 1]] = values
        else:
            before[:] = values
        seen += 1
    if seen < len(mutants):
        raise HarnessError(f"{model.card.name} returned predictions for {seen} of {len(mutants)} sequences")
    for i, letter in enumerate(sequence):
        after[i, LETTERS.index(letter) if letter in LETTERS else slice(None)] = before
    return before, after
