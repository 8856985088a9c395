"""Laws of input: letters and lengths."""

from __future__ import annotations

import re
from itertools import combinations
from typing import Any

import numpy as np

from harness.conformance.law import Finding, law
from harness.conformance.sequences import fitting_length
from harness.conformance.subject import TOLERANCE, NotJudged, Subject, difference, in_order, largest_difference, said_by
from harness.datasets.records import normalise_sequence
from harness.errors import HarnessError, InputError

FOREIGN = "?"
_AXES = {
    "hidden_states": 1,
    "leading": 1,
    "attention": 2,
    "unmasked_log_probs": 1,
    "causal_log_probs": 1,
    "pair_scores": 2,
}
"""How many axes of an output run over the residues."""
LONGEST_READ = 2**12
"""Nucleotides: a card's limit is tried up to here, where one layer of a large model still fits into memory."""
_LONGEST_TRIED = 2**16
"""A longer sequence than this is not tried, lest a model that does not refuse it runs out of memory."""


@law("letters-distinct", "hidden_states", "sequence_vectors", "attention")
def letters_distinct(subject: Subject) -> Finding:
    """Changing one letter changes the output: no letter is read as another or as unknown."""
    if subject.card.role == "floor" and "hidden_states" not in subject.card.capabilities:
        return Finding(None, None, "a floor may see only length or composition")
    middle = len(subject.probe) // 2
    runs = dict(zip(subject.letters, subject.run(subject.variants(subject.probe, middle)), strict=True))
    for other in (subject.unknown, FOREIGN):
        try:
            [runs[other]] = subject.run([subject.changed(subject.probe, middle, other)])
        except Exception:  # refused, in whatever way: then no letter can be taken for it in silence
            continue
    pairs = [pair for pair in combinations(runs, 2) if set(pair) != {subject.unknown, FOREIGN}]
    figure, pair = min((largest_difference([runs[a]], [runs[b]])[0], (a, b)) for a, b in pairs)
    return Finding(figure > TOLERANCE, figure, f"smallest change: {pair[0]} against {pair[1]}")


@law("spelling")
def spelling(subject: Subject) -> Finding:
    """T is read as U, and lower case as upper case."""
    if subject.card.alphabet != "nucleotide":
        return Finding(None, None, "not a nucleotide model")
    dna = subject.probe.replace("U", "T")
    read = [normalise_sequence(spelled, "probe")[0] for spelled in (dna, subject.probe.lower(), dna.lower())]
    figure, name = largest_difference(subject.run([subject.probe]) * len(read), subject.run(read))
    return Finding(figure <= TOLERANCE, figure, f"largest difference: {name}")


@law("length", "hidden_states", "leading", "attention", "unmasked_log_probs", "causal_log_probs", "pair_scores")
def length(subject: Subject) -> Finding:
    """Output has one row per residue."""
    off = {"nothing": 0}
    surplus: set[int] = set()
    for sequence, outputs in zip(subject.sequences, subject.outputs, strict=True):
        size = len(sequence)
        for name, array in outputs.items():
            kind = name.partition(" ")[0]
            if kind in _AXES:
                found = array.shape[1:] if kind == "attention" else array.shape
                axes = [(found[axis] if axis < array.ndim else 0) for axis in range(_AXES[kind])]
                expected = size + (kind == "leading")
                off[f"{name} of {size} nt has shape {array.shape}"] = max(abs(axis - expected) for axis in axes)
                surplus.update(axis - expected for axis in axes)
    remark, figure = max(off.items(), key=lambda item: item[1])
    if figure and len(too_many := surplus - {0}) == 1 and min(too_many) > 0:
        remark = f"special tokens not cut? {figure} rows too many: {remark}"
    lengths = ", ".join(str(len(sequence)) for sequence in subject.sequences)
    return Finding(figure == 0, figure, remark if figure else f"lengths {lengths}")


@law("unknown-letter")
def unknown_letter(subject: Subject) -> Finding:
    """The unknown letter (N, or X in proteins) gives finite output, or is refused and the card says so."""
    some = subject.changed(subject.probe, len(subject.probe) // 3, subject.unknown)
    sequences = [some, subject.unknown * len(subject.probe)]
    try:
        outputs = subject.run(sequences)
    except InputError as error:
        declared = any(re.search(rf"\b{subject.unknown}\b", quirk) for quirk in subject.card.quirks)
        said = "as the card says" if declared else "and no quirk of the card says so"
        return Finding(declared, None, f"refused, {said}: {error}")
    broken = [name for found in outputs for name, array in found.items() if not np.isfinite(array).all()]
    return Finding(not broken, len(broken), f"not finite: {broken[0]}" if broken else "read, with finite output")


@law("lengths-refused")
def lengths_refused(subject: Subject) -> Finding:
    """A sequence longer or shorter than the card allows raises an InputError and is never truncated."""
    card = subject.card
    lengths = []
    if card.max_length is not None and card.max_length < _LONGEST_TRIED:
        lengths.append(card.max_length + card.length_multiple)
    if card.min_length > 1:
        lengths.append(card.min_length - 1)
    if card.length_multiple > 1:
        lengths.append(len(subject.probe) + 1)
    if not lengths:
        return Finding(None, None, "the card sets no limit that can be tested")
    for size in lengths:
        sequence = (subject.probe * (size // len(subject.probe) + 1))[:size]
        try:
            subject.run([sequence])
        except InputError:
            continue
        except HarnessError as error:
            return Finding(False, size, f"{size} nt: {type(error).__name__} where an InputError is expected")
        return Finding(False, size, f"{size} nt were accepted")
    return Finding(True, len(lengths), f"refused: {', '.join(map(str, lengths))} nt")


@law("longest", "hidden_states")
def longest(subject: Subject) -> Finding:
    """A sequence of the maximum length is read to its last nucleotide."""
    card = subject.card
    size = fitting_length(card, LONGEST_READ)
    sequence = (subject.probe * (size // len(subject.probe) + 1))[:size]
    layers = sorted({0, card.layers or 0})
    plain, *changed = [_states_alone(subject, some, layers) for some in subject.variants(sequence, size - 1)]
    moved = {}
    for layer in layers:
        if len(plain[layer]) > size:
            raise NotJudged(f"layer {layer} has {len(plain[layer])} rows for {size} nt: see length")
        if len(plain[layer]) < size:
            return Finding(False, plain[layer].shape[0], f"layer {layer} has {len(plain[layer])} rows for {size} nt")
        if not np.isfinite(plain[layer]).all():
            return Finding(False, size, f"layer {layer} is not finite at {size} nt")
        moved[layer] = max(difference(plain[layer][-1], other[layer][-1]) for other in changed)
    least = min(moved, key=lambda layer: moved[layer])
    allowed = f" (the card allows {card.max_length})" if (card.max_length or size) > size else ""
    if moved[least] == 0:
        return Finding(False, 0.0, f"at {size} nt the last nucleotide has no effect at layer {least}: truncated?")
    return Finding(True, moved[least], f"change at the last nucleotide of {size} nt{allowed}")


def _states_alone(subject: Subject, sequence: str, layers: list[int]) -> Any:
    try:
        with subject.running() as adapter:
            return in_order(adapter.hidden_states(subject.given([sequence]), layers), 1)[0]
    except HarnessError:
        raise
    except Exception as error:
        if said_by(error) in subject.unread_letters.values():
            raise
        limit = subject.card.max_length
        raise InputError(
            f"{len(sequence)} nt failed, and the card allows {limit or 'any length'}: {said_by(error)}"
        ) from error


LAWS = (letters_distinct, spelling, length, unknown_letter, lengths_refused, longest)
