"""How well similarities tell homologous pairs from others, from the share of either kind at every value.

All functions take rows of shares: ``first`` (homologous) and ``second`` (others), (..., values) each and summing to 1,
over ascending values. F1 and MCC so stand for equally many pairs of both kinds.
"""

from __future__ import annotations

import numpy as np

from harness.statistics.metrics import auroc_from_shares, f1_score, matthews
from tasks.overlap_ratio.density import Floats, Integers, histogram_overlap_ratio, percentile_groups


def exact_shares(first: Floats, second: Floats) -> tuple[Floats, Floats, Floats]:
    """The distinct values of two sets in ascending order, and the share of either set at each of them."""
    values, places = np.unique(np.concatenate([first, second]), return_inverse=True)
    parts = places[: len(first)], places[len(first) :]
    shares = [np.bincount(part, minlength=len(values)) / len(part) for part in parts]
    return values, shares[0], shares[1]


def best_f1_and_mcc(first: Floats, second: Floats) -> tuple[Floats, Floats]:
    """The largest F1 and the largest Matthews correlation that a threshold reaches (predicted iff at least it)."""
    hits, alarms = (part[..., ::-1].cumsum(axis=-1) for part in (first, second))
    return f1_score(hits, alarms, 0.5).max(axis=-1), matthews(hits, alarms, 0.5).max(axis=-1)


def median(shares: Floats, values: Floats) -> Floats:
    """The weighted median: the mean of the two middle values where a half ends between them."""
    below = shares.cumsum(axis=-1)
    low, high = ((below > limit).argmax(axis=-1) for limit in (0.5 - 1e-6, 0.5 + 1e-6))
    return (values[low] + values[high]) / 2


def separation(first: Floats, second: Floats, values: Floats, groups: Integers | None = None) -> dict[str, Floats]:
    """Everything that needs no density, by name; ``groups`` are the bins of the histogram, by default percentiles."""
    f1, mcc = best_f1_and_mcc(first, second)
    bins = percentile_groups(first + second) if groups is None else groups
    return {
        "overlap_ratio_histogram": histogram_overlap_ratio(first, second, bins),
        "auroc": auroc_from_shares(first, second),
        "best_f1": f1,
        "mcc": mcc,
        "difference_of_means": np.asarray((first - second) @ values),
        "difference_of_medians": median(first, values) - median(second, values),
    }
