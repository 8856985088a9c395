"""Laws of place and depth: at every layer rows match their nucleotides, and layers are numbered in order.

One nucleotide is changed at a time. Where the embedding changes is the law of coverage; above it the change spreads,
and stays largest where it began. If rows are shifted, the profile matches better some nucleotides away.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from harness.conformance.law import Finding, law
from harness.conformance.subject import TOLERANCE, NotJudged, Profiles, Subject
from harness.conformance.tokens import covered_with

SHORTEST = 8
"""Nucleotides: in a shorter sequence every place is close to every other."""
LEAST_PROBABILITY = 1e-30


@law("hidden-place", "hidden_states")
def hidden_place(subject: Subject) -> Finding:
    """Hidden states are in the right place: a changed nucleotide has its largest effect where the embedding changes."""
    if not subject.card.layers or len(subject.probe) < SHORTEST:
        return Finding(None, None, _too_little(subject))
    at = [_at_the_embedding(subject), *subject.changes[1:]]
    shifts = {layer: _best_shift(at[0], at[layer]) for layer in range(1, len(at))}
    shifted = [layer for layer, shift in shifts.items() if shift]
    if shifted:
        return Finding(
            False, shifts[shifted[0]], f"layer {shifted[0]} is shifted by {shifts[shifted[0]]:+d} nucleotides"
        )
    return Finding(True, 0, f"{len(at)} layers, {len(at[0])} nucleotides changed one at a time")


@law("context", "hidden_states")
def context(subject: Subject) -> Finding:
    """Layers are numbered as in the card: block 1 depends on other nucleotides, and no layer repeats the one below."""
    if not subject.card.layers or len(subject.probe) < SHORTEST:
        return Finding(None, None, _too_little(subject))
    [states] = subject.hidden([subject.probe], range(subject.card.layers + 1))
    for layer in range(1, len(states)):
        if np.array_equal(states[layer], states[layer - 1]):
            return Finding(False, layer, f"layer {layer} repeats layer {layer - 1}: numbered one too high?")
    embedding, first = _at_the_embedding(subject), subject.changes[1]
    beyond = float(np.where(embedding > 0, 0, first).max())
    if not beyond:
        return Finding(False, beyond, "layer 1 depends on no other nucleotide: numbered one too high?")
    return Finding(True, beyond, "largest change beyond the token that was changed, at layer 1")


@law("attention-place", "attention")
def attention_place(subject: Subject) -> Finding:
    """Attention maps are in the right place: in layer 1, a changed nucleotide affects its own row and column most."""
    if len(subject.probe) < SHORTEST:
        return Finding(None, None, "accepts no sequence that is long enough")
    every_other = slice(None, None, 2)  # attention maps are costly
    sequences, positions = subject.one_change_each
    sequences, positions = [subject.probe, *sequences[1:][every_other]], positions[every_other]
    if "hidden_states" in subject.card.capabilities:
        expected = _at_the_embedding(subject)[every_other]
    elif subject.card.resolution == "BPE":
        return Finding(None, None, "without hidden states it is unknown which nucleotides a byte pair covers")
    else:
        expected = np.zeros((len(positions), len(subject.probe)))
        for row, position in enumerate(positions):
            expected[row, sorted(covered_with(subject.card, len(subject.probe), position))] = 1
    maps: dict[int, NDArray[np.float64]] = {}

    def keep(index: int, layer: int, values: NDArray[np.float32]) -> None:
        if values.shape[1:] != (len(subject.probe),) * 2:
            raise NotJudged(f"maps of {len(subject.probe)} nt have shape {values.shape}: see length")
        if layer == 1:
            maps[index] = np.log(np.maximum(values.astype(np.float64), LEAST_PROBABILITY))

    with subject.running() as adapter:
        adapter.visit_attention(subject.given(sequences), keep)
    rows, columns = np.zeros_like(expected), np.zeros_like(expected)
    for probe in range(len(positions)):
        change = maps[probe + 1] - maps[0]
        # a row that a key joins is normalised anew, which adds one number to all of it
        change = np.abs(change - np.median(change, axis=2, keepdims=True)).mean(axis=0)
        elsewhere = expected[probe] == 0
        if elsewhere.any():
            rows[probe] = change[:, elsewhere].mean(axis=1)
            columns[probe] = change[elsewhere].mean(axis=0)
    for name, found in (("rows", rows), ("columns", columns)):
        if found.max() <= TOLERANCE:
            return Finding(None, float(found.max()), f"its {name} do not depend on the letters")
        if shift := _best_shift(expected, found):
            return Finding(False, shift, f"{name} are shifted by {shift:+d} nucleotides")
    return Finding(True, 0, f"{len(positions)} nucleotides changed one at a time")


def _too_little(subject: Subject) -> str:
    return "accepts no sequence that is long enough" if subject.card.layers else "has no layers above the embedding"


def _at_the_embedding(subject: Subject) -> Profiles:
    changes = subject.changes[0]
    return np.where(changes > TOLERANCE * changes.max(), changes, 0)


def _best_shift(expected: Profiles, found: Profiles) -> int:
    """By how many nucleotides ``found`` must be moved back to fit ``expected`` best; every probe counts the same."""
    share = found / np.maximum(found.max(axis=1, keepdims=True), 1e-300)
    length = expected.shape[1]
    fits = {shift: float((np.roll(expected, shift, axis=1) * share).sum()) for shift in range(length)}
    best = max(fits, key=lambda shift: fits[shift])
    return best if best <= length // 2 else best - length


LAWS = (hidden_place, context, attention_place)
