"""The test RNAs under the chosen head: one row of numbers for each, from which every metric follows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tasks.structure.ceilings import canonical_pairs, is_pseudoknotted, one_partner_pairs
from tasks.structure.data import Rna
from tasks.structure.decoding import is_canonical, match
from tasks.structure.kinds import BASE_PAIRS
from tasks.structure.maps import Indices, Scores, positions
from tasks.structure.pair_conditional import wins
from tasks.structure.selection import Choice

LONG_RANGE = 24
PAIR_CLASSES = ("canonical", "noncanonical", "long_range", "short_range")


def rna_table(
    rnas: Sequence[Rna],
    scores: Sequence[Scores],
    chosen: Choice,
    exact_threshold: float,
    matched_threshold: float,
) -> pd.DataFrame:
    """One row per RNA, in their order.

    Columns: item, cluster, family, unit; length, pairs, pseudoknotted; tp, fp, fn, tn at the chosen threshold, and
    with a suffix: ``_exact``, ``_matched``, and one for each of ``PAIR_CLASSES`` (counts among these pairs only);
    canonical_pairs, one_partner_pairs; f1, average_precision, precision_top_half_length (nan without known pairs);
    conditional_wins and conditional_pairs, of :func:`tasks.structure.pair_conditional.wins`. What is of bases
    is left out for contacts (pseudoknots, matchings, canonical pairs and ceilings), which have
    precision_top_fifth_length.
    """
    rows = []
    for rna, own in zip(rnas, scores, strict=True):
        record, predicted = rna.record, chosen.predicted(own)
        of_bases = rna.kind is BASE_PAIRS
        counts = pair_counts(rna.known, predicted, rna.counted)
        exact = np.flatnonzero(own >= np.float32(exact_threshold))
        row: dict[str, object] = {
            "item": record.id,
            "cluster": record.cluster,
            "family": record.family,
            "unit": rna.unit,
            "length": rna.length,
            "pairs": len(rna.known),
        }
        if of_bases:
            row["pseudoknotted"] = is_pseudoknotted(rna)
        row |= counts | _suffixed(pair_counts(rna.known, exact, rna.counted), "exact")
        if of_bases:
            matched = match(own, rna.sequence, matched_threshold)
            row |= _suffixed(pair_counts(rna.known, matched, rna.counted), "matched")
            row |= {"canonical_pairs": canonical_pairs(rna), "one_partner_pairs": one_partner_pairs(rna)}
        row |= {
            "f1": 2 * counts["tp"] / (2 * counts["tp"] + counts["fp"] + counts["fn"]) if len(rna.known) else np.nan,
            "average_precision": average_precision(own, rna.known),
            "precision_top_half_length": precision_at_top(own, rna.known, min(rna.length // 2, rna.counted)),
        }
        if not of_bases:
            most = min(rna.length // 5, rna.counted)
            row["precision_top_fifth_length"] = precision_at_top(own, rna.known, most)
        row["conditional_wins"], row["conditional_pairs"] = wins(rna, own)
        for name, members in _classes(rna).items():
            known, reached = (pairs[members[pairs]] for pairs in (rna.known, predicted))
            row |= _suffixed(pair_counts(known, reached, int(members.sum())), name)
        rows.append(row)
    return pd.DataFrame(rows)


def long_form(table: pd.DataFrame) -> pd.DataFrame:
    """One row per RNA and number: item, cluster, family, metric, value."""
    keys = ["item", "cluster", "family"]
    numbers = table.drop(columns="unit")
    numbers = numbers.astype(dict.fromkeys(numbers.select_dtypes("bool"), float))
    return numbers.melt(id_vars=keys, var_name="metric", value_name="value").dropna(subset="value")


def average_precision(scores: Scores, known: Indices) -> float:
    """Area under the precision-recall curve in steps, ties taken together; nan without known pairs."""
    from sklearn.metrics import average_precision_score

    if not len(known):
        return float("nan")
    truth = np.zeros(len(scores), dtype=bool)
    truth[known] = True
    return float(average_precision_score(truth, scores))


def precision_at_top(scores: Scores, known: Indices, most: int) -> float:
    """Share of known pairs among the ``most`` highest scores; nan without known pairs.

    Where the last places are tied, each of the tied pairs takes its share of them: the mean over all orders.
    """
    if not len(known) or not most:
        return float("nan")
    most = min(most, len(scores))
    last = np.partition(scores, len(scores) - most)[len(scores) - most]
    above = int((scores > last).sum())
    tied = int((scores == last).sum())
    hits = float((scores[known] > last).sum()) + float((scores[known] == last).sum()) * (most - above) / tied
    return hits / most


def _classes(rna: Rna) -> dict[str, NDArray[np.bool_]]:
    i, j = positions(rna.length)
    far = j - i >= LONG_RANGE
    ranges = {"long_range": far, "short_range": ~far}
    if rna.kind is not BASE_PAIRS:
        return ranges
    canonical = is_canonical(rna.sequence)
    return {"canonical": canonical, "noncanonical": ~canonical, **ranges}


def pair_counts(known: Indices, predicted: Indices, total: int) -> dict[str, int]:
    """tp, fp, fn, tn of predicted pairs among ``total`` ones."""
    hits = len(np.intersect1d(known, predicted, assume_unique=True))
    fp, fn = len(predicted) - hits, len(known) - hits
    return {"tp": hits, "fp": fp, "fn": fn, "tn": total - hits - fp - fn}


def _suffixed(counts: dict[str, int], name: str) -> dict[str, int]:
    return {f"{key}_{name}": value for key, value in counts.items() if key != "tn"}
