"""Laws of identity, and of side effects of loading and running a model."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from harness.conformance.law import Finding, law
from harness.conformance.subject import TOLERANCE, Subject, largest_difference
from harness.errors import NotApplicable


@law("offline")
def offline(subject: Subject) -> Finding:
    """Loading and running use no network once the weights are found."""
    subject.run(subject.sequences[-1:])
    reached = subject.watch.reached
    return Finding(not reached, len(reached), f"called {reached[0]}" if reached else "")


@law("no-gradient")
def no_gradient(subject: Subject) -> Finding:
    """Outputs are plain float32 arrays, and the gradient mode of the process is left unchanged."""
    types = {str(array.dtype) for outputs in subject.outputs for array in outputs.values()} - {"float32"}
    if types:
        return Finding(False, len(types), f"outputs of {', '.join(sorted(types))}")
    changed = subject.watch.changed_gradient_mode
    return Finding(not changed, int(changed), "left torch's gradient mode changed" if changed else "")


@law("bfloat16")
def bfloat16(subject: Subject) -> Finding:
    """In bfloat16, every finite number stays finite; drift is reported, never a failure."""
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
    """Two instances of a model share one identity; a number format that changes numbers changes the identity."""
    own = subject.identity
    if subject.make(subject.options).identity() != own:
        return Finding(False, None, "two instances of the model have different identities")
    other, low = subject.low_precision
    if other == own and largest_difference(subject.outputs, low)[0] > TOLERANCE:
        return Finding(False, 1, "bfloat16 changes numbers but not the identity")
    return Finding(True, len({own, other}), "identities of two number formats")


@law("random-twin")
def random_twin(subject: Subject) -> Finding:
    """A random twin differs from the model in identity and output, and so does each initialisation from the others."""
    told = [(subject.identity, subject.run([subject.probe]))]
    for initialisation in (0, 1):
        try:
            twin = subject.adapter.random_twin(initialisation)
        except NotApplicable as error:
            return Finding(None, None, str(error))
        if twin.card.capabilities != subject.card.capabilities:
            return Finding(False, None, "the twin's card lists other capabilities")
        told.append(subject.told_by(twin, [subject.probe]))
    names = ("the model", "twin 0", "twin 1")
    figures = []
    for first, second in combinations(range(len(told)), 2):
        both = f"{names[first]} and {names[second]}"
        if told[first][0] == told[second][0]:
            return Finding(False, None, f"{both} share an identity")
        figures.append(largest_difference(told[first][1], told[second][1])[0])
        if not figures[-1] > TOLERANCE:
            return Finding(False, figures[-1], f"{both} return the same numbers")
    return Finding(True, min(figures), "smallest difference between the model and two twins")


LAWS = (offline, no_gradient, bfloat16, identity, random_twin)
