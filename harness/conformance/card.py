"""Laws of the card: it describes the model correctly."""

from __future__ import annotations

import numpy as np

from harness.conformance.law import Finding, law
from harness.conformance.subject import TOLERANCE, Subject, difference
from harness.errors import InputError


@law("width", "hidden_states", "sequence_vectors")
def width(subject: Subject) -> Finding:
    """Vectors have the width given in the card."""
    widths = {
        array.shape[-1]
        for outputs in subject.outputs
        for name, array in outputs.items()
        if name.startswith(("hidden_states", "leading", "sequence_vectors"))
    }
    found = ", ".join(map(str, sorted(widths)))
    return Finding(widths == {subject.card.width}, max(widths), f"card {subject.card.width}, found {found}")


@law("layers", "hidden_states", "attention")
def layers(subject: Subject) -> Finding:
    """The model has the number of layers given in the card; -1 is the last layer, and layers beyond it are refused."""
    card = subject.card
    if card.layers is None:
        return Finding(False, None, "the card of a model with layers gives no number of layers")
    if "attention" in card.capabilities:
        visited = {int(name.split()[1]) for name in subject.outputs[0] if name.startswith("attention")}
        if visited != set(range(1, card.layers + 1)):
            return Finding(False, len(visited), f"card {card.layers}, attention of layers {sorted(visited)}")
    if "hidden_states" in card.capabilities:
        [states] = subject.hidden([subject.probe], [card.layers, -1])
        if difference(states[card.layers], states[-1]) > TOLERANCE:
            return Finding(False, card.layers, f"layer -1 is not layer {card.layers}")
        try:
            subject.hidden([subject.probe], [card.layers + 1])
        except InputError:
            pass
        else:
            return Finding(False, card.layers + 1, f"layer {card.layers + 1} was not refused by an InputError")
    return Finding(True, card.layers, f"{card.layers} layers")


@law("heads", "attention")
def heads(subject: Subject) -> Finding:
    """Every layer has the number of attention heads given in the card."""
    counts = {
        array.shape[0] for outputs in subject.outputs for name, array in outputs.items() if name.startswith("attention")
    }
    found = ", ".join(map(str, sorted(counts)))
    return Finding(counts == {subject.card.heads}, max(counts), f"card {subject.card.heads}, found {found}")


@law("finite")
def finite(subject: Subject) -> Finding:
    """All output is finite."""
    broken = {
        name: int((~np.isfinite(array)).sum())
        for outputs in subject.outputs
        for name, array in outputs.items()
        if not np.isfinite(array).all()
    }
    return Finding(not broken, sum(broken.values()), f"in {', '.join(sorted(broken))}" if broken else "")


LAWS = (width, layers, heads, finite)
