"""Autoencoders that failed are named as failed, and how alike they are is no success."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from harness.task import Metric
from tasks.sae.sequence_scores import ScoredSource
from tasks.sae_families.scores import Items


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
    if alike := sum(not np.ptp(entry.matrix(rows), axis=0).any() for entry in entries):
        return f"every feature scores all sequences alike in {alike} of {len(entries)} of them"
    return None


def without_stability(quality: Mapping[str, Metric]) -> dict[str, Metric]:
    """The quality of failed autoencoders: random ones agree with each other too, where there are few directions."""
    kept = dict(quality)
    if "stability" in kept:
        kept["stability"] = Metric(value=None, unit="not reported: the autoencoders failed")
    return kept
