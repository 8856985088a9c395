"""Autoencoders that failed are named as failed, and how alike they are is no success."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from harness.task import Metric

HALF = 0.5
_ROUNDING = 1e-5


def why_failed(quality: Mapping[str, Metric], scores: Iterable[NDArray[np.float32]]) -> str | None:
    """What is wrong with the autoencoders of a layer, in words; None where nothing is.

    Args:
        quality: metrics of the layer, over seeds.
        scores: (items, features) of every seed; one whose features score all items alike is enough to fail.
    """
    explained, dead = quality["fve"].value, quality["dead_share"].value
    if dead == 1:
        return "all features are dead"
    if explained is None or explained < 0:
        known = "not a number" if explained is None else f"{explained:.3g}"
        return f"they explain less variance than the mean of the training states (FVE {known})"
    alike = [_alike(matrix) for matrix in scores]
    if any(alike):
        return f"every feature scores all sequences alike in {sum(alike)} of {len(alike)} of them"
    return None


def _alike(scores: NDArray[np.float32]) -> bool:
    """Whether no feature tells one sequence from another beyond the rounding of a mean."""
    return bool(np.ptp(scores, axis=0).max() <= _ROUNDING * np.abs(scores).max())


def without_stability(quality: Mapping[str, Metric]) -> dict[str, Metric]:
    """The quality of failed autoencoders: random ones agree with each other too, where there are few directions."""
    failed = Metric(value=None, unit="not reported: the autoencoders failed")
    agreement = {name for name in quality if name.startswith("stability") or name == "pw_mcc"}
    return {name: failed if name in agreement else found for name, found in quality.items()}


def layer_warnings(failures: Mapping[int, str | None], quality: Mapping[int, Mapping[str, Metric]]) -> Iterator[str]:
    """What a reader must know of each layer before its numbers: autoencoders that failed, features that are not
    shared between seeds.

    Args:
        failures: per layer what :func:`why_failed` says.
        quality: per layer its metrics, without the stability of failed autoencoders.
    """
    for layer, reason in failures.items():
        if reason:
            yield f"the autoencoders of layer {layer} failed: {reason}"
    for layer, metrics in quality.items():
        own, chance = metrics.get("stability"), metrics.get("stability_chance")
        if own is None or own.value is None:
            continue
        if chance and chance.value is not None and chance.high is not None and own.value <= chance.high:
            yield (
                f"the stability of layer {layer} means nothing: seeds share {own.value:.2f} of their live features, "
                f"random decoder rows as many ({chance.value:.2f})"
            )
        elif own.value < HALF:
            yield f"seeds share less than half of the live features of layer {layer} ({own.value:.2f})"
