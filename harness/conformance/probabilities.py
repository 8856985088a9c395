"""Laws of log-probabilities and of replaced hidden states."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from harness.adapter import Replacement
from harness.conformance.law import Finding, law
from harness.conformance.subject import TOLERANCE, NotJudged, Subject, difference, in_order, positions_of


@law("normalised", "log_probs", "unmasked_log_probs", "causal_log_probs")
def normalised(subject: Subject) -> Finding:
    """Probabilities of the letters sum to 1."""
    rows = [array for outputs in subject.outputs for name, array in outputs.items() if name.endswith("log_probs")]
    with np.errstate(divide="ignore"):
        figure = max(float(np.abs(np.log(np.exp(array.astype(np.float64)).sum(axis=-1))).max()) for array in rows)
    return Finding(figure <= 10 * TOLERANCE, figure, "largest logarithm of a sum")


@law("mask-hides", "log_probs")
def mask_hides(subject: Subject) -> Finding:
    """A masked position is hidden: changing the letter under the mask changes nothing."""
    figures = []
    for position in positions_of(subject.probe):
        variants = subject.variants(subject.probe, position)
        first, *others = _log_probs(subject, variants, [[position]] * len(variants))
        figures.append(max(difference(first, other) for other in others))
    return Finding(max(figures) <= TOLERANCE, max(figures), f"{len(figures)} positions, every letter")


@law("unmasked", "unmasked_log_probs")
def unmasked(subject: Subject) -> Finding:
    """Predictions without a mask are the language-model head's on the hidden states of the sequence as it is."""
    if not subject.card.layers or not {"hidden_states", "replace_hidden"} <= subject.card.capabilities:
        return Finding(None, None, "its hidden states cannot be replaced")
    probe, last = subject.probe, subject.card.layers
    [states] = subject.hidden([probe], [last])
    replaced = []

    def splice(index: int, hidden: Any) -> Any:
        replaced.append(index)
        return states[last]

    [expected] = _log_probs(subject, [probe], [positions_of(probe)], Replacement(last, splice))
    if not replaced:
        raise NotJudged("hidden states are not replaced: see replacement")
    with subject.running() as adapter:
        [found] = in_order(adapter.unmasked_log_probs(subject.given([probe])), 1)
    figure = difference(expected, found[positions_of(probe)])
    return Finding(figure <= TOLERANCE, figure, f"against the unmasked states of layer {last}, spliced in under masks")


@law("causal", "causal_log_probs")
def causal(subject: Subject) -> Finding:
    """A causal model's prediction at a position depends on the letters before it, not on that letter or later ones."""
    probe, middle = subject.probe, len(subject.probe) // 2
    turned = str.maketrans(subject.letters, subject.letters[1:] + subject.letters[:1])
    later = probe[:middle] + probe[middle:].translate(turned)
    with subject.running() as adapter:
        first, second = in_order(adapter.causal_log_probs(subject.given([probe, later])), 2)
    figure = difference(first[: middle + 1], second[: middle + 1])
    return Finding(figure <= TOLERANCE, figure, f"all letters from position {middle} changed")


@law("replacement", "replace_hidden")
def replacement(subject: Subject) -> Finding:
    """Replacing a hidden state takes effect: its own values change nothing, zeros change the output."""
    probe, positions = [subject.probe], [positions_of(subject.probe)]
    layer = (subject.card.layers or 0) // 2

    def spliced(function: Callable[[Any], Any]) -> Any:
        return _log_probs(subject, probe, positions, Replacement(layer, lambda index, hidden: function(hidden)))[0]

    [plain] = _log_probs(subject, probe, positions)
    itself, zeros = difference(plain, spliced(lambda hidden: hidden)), difference(plain, spliced(np.zeros_like))
    if zeros == 0:
        return Finding(False, zeros, f"zeros at layer {layer} change nothing")
    return Finding(
        itself <= TOLERANCE, itself, f"its own values at layer {layer}; zeros there change the output by {zeros:.2g}"
    )


@law("last-layer", "replace_hidden")
def last_layer(subject: Subject) -> Finding:
    """The language-model head reads the last layer's hidden states and nothing else."""
    if not subject.card.layers or "hidden_states" not in subject.card.capabilities:
        return Finding(None, None, "has no hidden states of several layers")
    probe, last = subject.probe, subject.card.layers
    masked = [[len(probe) // 2]]
    [states] = subject.hidden([probe], range(last + 1))
    replaced = []

    def keep(index: int, hidden: Any) -> Any:
        replaced.append(np.array(hidden))
        return hidden

    _log_probs(subject, [probe], masked, Replacement(last, keep))
    if not replaced:
        raise NotJudged("hidden states are not replaced: see replacement")
    elsewhere = np.arange(len(probe)) != masked[0][0]  # the mask changes most of all where it stands
    distances = {layer: float(np.linalg.norm((replaced[0] - own)[elsewhere])) for layer, own in states.items()}
    if (nearest := min(distances, key=lambda layer: distances[layer])) != last:
        return Finding(False, nearest, f"the states replaced at layer {last} are nearest to those of layer {nearest}")
    turned = probe.translate(str.maketrans(subject.letters, subject.letters[1:] + subject.letters[:1]))
    own, other = _log_probs(subject, [probe, turned], masked * 2, Replacement(last, lambda index, hidden: states[last]))
    figure = difference(own, other)
    return Finding(figure <= TOLERANCE, figure, f"two sequences given the same hidden states at layer {last}")


def _log_probs(
    subject: Subject, sequences: list[str], positions: list[list[int]], replacement: Replacement | None = None
) -> list[Any]:
    with subject.running() as adapter:
        return in_order(adapter.log_probs(subject.given(sequences), positions, replacement), len(sequences))


LAWS = (normalised, mask_hides, unmasked, causal, replacement, last_layer)
