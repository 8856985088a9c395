"""Laws of repetition: the same sequence gives the same numbers, whatever else is in the batch."""

from __future__ import annotations

from harness.conformance.law import Finding, law
from harness.conformance.subject import TOLERANCE, Outputs, Subject, difference, in_order, largest_difference


@law("same-twice")
def same_twice(subject: Subject) -> Finding:
    """The same input gives the same output twice: no dropout, no state."""
    first, second = subject.run(subject.sequences), subject.run(subject.sequences)
    return _same(subject.outputs + first, first + second)


@law("order")
def order(subject: Subject) -> Finding:
    """The order of the inputs does not matter."""
    return _same(subject.outputs, subject.run(subject.sequences[::-1])[::-1])


@law("alone-or-padded")
def alone_or_padded(subject: Subject) -> Finding:
    """A sequence gives the same output alone and in a batch with longer ones."""
    alone = [outputs for sequence in subject.sequences for outputs in subject.run([sequence])]
    return _same(subject.outputs, alone)


@law("batch-budget")
def batch_budget(subject: Subject) -> Finding:
    """The number of tokens per batch does not matter."""
    if "alignment" in subject.card.capabilities:
        return Finding(None, None, "alignments run one at a time")
    adapter, expected = subject.adapter, subject.outputs
    if not hasattr(adapter, "tokens_per_batch"):
        return Finding(None, None, "has no tokens_per_batch setting")
    chosen, adapter.tokens_per_batch = adapter.tokens_per_batch, len(subject.sequences[0])
    try:
        return _same(expected, subject.run(subject.sequences))
    finally:
        adapter.tokens_per_batch = chosen


@law("early-exit", "hidden_states")
def early_exit(subject: Subject) -> Finding:
    """A layer requested alone gives the same output as in a full run."""
    if not subject.has_layers:
        return Finding(None, None, "has no layers")
    some = subject.sequences[-2:]
    full = subject.hidden(some, range((subject.card.layers or 0) + 1))
    found = {}
    for layer in subject.layers:
        alone = subject.hidden(some, [layer])
        found[layer] = max(difference(a[layer], b[layer]) for a, b in zip(full, alone, strict=True))
    worst = max(found, key=lambda layer: found[layer])
    return Finding(found[worst] <= TOLERANCE, found[worst], f"largest difference: layer {worst}")


@law("leading", "leading")
def leading(subject: Subject) -> Finding:
    """Asking for the leading special token does not change the residues' hidden states."""
    last = subject.layers[-1]
    given = subject.given(subject.sequences)
    with subject.running() as adapter:
        found = in_order(adapter.hidden_states_with_leading(given, [last]), len(given))
    plain = subject.hidden(subject.sequences, [last])
    figure = max(difference(b[last], a[last][1:]) for a, b in zip(found, plain, strict=True))
    return Finding(figure <= TOLERANCE, figure, f"layer {last}")


def _same(expected: list[Outputs], found: list[Outputs]) -> Finding:
    figure, name = largest_difference(expected, found)
    return Finding(figure <= TOLERANCE, figure, f"largest difference: {name}")


LAWS = (same_twice, order, alone_or_padded, batch_budget, early_exit, leading)
