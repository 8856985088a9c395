"""Autoencoders that failed are named as failed, and how alike they are is no success."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from harness.task import Metric
from tasks.sae.sequence_scores import ScoredSource
from tasks.sae_families.scores import Items

_ROUNDING = 1e-5


def why_failed(quality: Mapping[str, Metric], entries: Sequence[ScoredSource], items: Items) -> str | None:
    """What is wrong with the autoencoders of a layer, in words; None where nothing is.

    Args:
        quality: metrics of the layer, over seeds.
        entries: one per seed; one whose features score all sequences alike is enough to fail.
    """
    explained, dead = quality["fve"].value, quality["dead_share"].value
    if dead == 1:
        return "all features are dead"
    if explained is None or explained < 0:
        known = "not a number" if explained is None else f"{explained:.3g}"
        return f"they explain less variance than the mean of the training states (FVE {known})"
    rows = np.concatenate([items.select, items.test])
    if alike := sum(_alike(entry.matrix(rows)) for entry in entries):
        return f"every feature scores all sequences alike in {alike} of {len(entries)} of them"
    return None


def _alike(scores: NDArray[np.float32]) -> bool:
    """Whether no feature tells one sequence from another beyond the rounding of a mean."""
    return bool(np.ptp(scores, axis=0).max() <= _ROUNDING * np.abs(scores).max())


def without_stability(quality: Mapping[str, Metric]) -> dict[str, Metric]:
    """The quality of failed autoencoders: random ones agree with each other too, where there are few directions."""
    failed = Metric(value=None, unit="not reported: the autoencoders failed")
    agreement = {name for name in quality if name.startswith("stability") or name == "pw_mcc"}
    return {name: failed if name in agreement else found for name, found in quality.items()}
