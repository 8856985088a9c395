"""Laws of identity, and of what loading and running a model does to the rest of the process."""

from __future__ import annotations

import numpy as np

from harness.adapter import ModelOptions
from harness.conformance.law import Finding, law
from harness.conformance.subject import TOLERANCE, Subject, largest_difference
from harness.errors import NotApplicable


@law("offline")
def offline(subject: Subject) -> Finding:
    """Loading and running reach for no network once the weights are found."""
    subject.run(subject.sequences[-1:])
    reached = subject.watch.reached
    return Finding(not reached, len(reached), f"asked for {reached[0]}" if reached else "")


@law("no-gradient")
def no_gradient(subject: Subject) -> Finding:
    """Outputs are plain float32 arrays, and the gradient mode of the process is left as it was."""
    types = {str(array.dtype) for outputs in subject.outputs for array in outputs.values()} - {"float32"}
    if types:
        return Finding(False, len(types), f"outputs of {', '.join(sorted(types))}")
    changed = subject.watch.changed_gradient_mode
    return Finding(not changed, int(changed), "left torch's gradient mode changed" if changed else "")


@law("bfloat16")
def bfloat16(subject: Subject) -> Finding:
    """In bfloat16 every number that was finite stays finite; the drift is told, and is no failure."""
    full, (_, low) = subject.outputs, subject.low_precision
    lost = sum(
        int((np.isfinite(one[name]) & ~np.isfinite(other[name])).sum())
        for one, other in zip(full, low, strict=True)
        for name in one
    )
    drift, name = largest_difference(full, low)
    return Finding(not lost, drift, f"{lost} numbers no longer finite" if lost else f"largest drift: {name}")


@law("identity")
def identity(subject: Subject) -> Finding:
    """The same weights have one identity; other weights, and another number format that counts, have another."""
    own = subject.identity
    if subject.make(ModelOptions()).identity() != own:
        return Finding(False, None, "two makes of one model differ")
    identities = {own}
    try:
        twins = [subject.adapter.random_twin(initialisation).identity() for initialisation in (0, 1)]
    except NotApplicable:
        twins = []
    identities.update(twins)
    if len(identities) != 1 + len(twins):
        return Finding(False, len(identities), "random twins share an identity with each other or with the model")
    other, low = subject.low_precision
    if other == own and largest_difference(subject.outputs, low)[0] > TOLERANCE:
        return Finding(False, len(identities), "bfloat16 changes numbers and not the identity")
    return Finding(True, len({*identities, other}), "identities told apart")


LAWS = (offline, no_gradient, bfloat16, identity)
