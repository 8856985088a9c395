"""Which families are confused with which."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from tasks.overlap_ratio.data import ComparedFamilies
from tasks.overlap_ratio.density import Floats
from tasks.overlap_ratio.embeddings import Vectors
from tasks.overlap_ratio.intervals import ScoredPairs


def family_table(
    data: ComparedFamilies, repeats: Sequence[ScoredPairs], units: Vectors | None, names: Mapping[str, str]
) -> pd.DataFrame:
    """One row per family: ``within`` and ``others`` are the mean similarity of its members to each other and to all
    unrelated families, ``nearest`` the unrelated family that is most similar to it, ``confused`` whether that one is as
    similar as its own members are; ``auroc`` is P(a pair within it is more similar than a pair that leaves it).

    With ``units`` (records, width) means are over all pairs of sequences, else over the pairs drawn.
    """
    between = _of_vectors(data, units) if units is not None else _of_pairs(data, repeats)
    within = np.diag(between)
    across = np.where(data.clan[:, None] == data.clan, np.nan, between)
    known = np.isfinite(across)
    nearest = np.where(known, across, -np.inf).argmax(axis=1)
    closest = np.where(known.any(axis=1), across[np.arange(len(across)), nearest], np.nan)
    counts = known.sum(axis=1)
    return pd.DataFrame(
        {
            "family": data.families,
            "name": [names.get(family, "") for family in data.families],
            "sequences": data.sizes,
            "validation": data.validation,
            "within": within,
            "others": np.nansum(across, axis=1) / np.where(counts, counts, np.nan),
            "nearest": [data.families[k] if known[row, k] else "" for row, k in enumerate(nearest.tolist())],
            "nearest_similarity": closest,
            "confused": closest >= within,
            "auroc": _aurocs(data, repeats),
        }
    )


def _of_vectors(data: ComparedFamilies, units: Vectors) -> Floats:
    """Mean cosine over all pairs of distinct sequences, (families, families)."""
    sums = np.add.reduceat(units, data.starts, axis=0)
    sizes = data.sizes.astype(np.float32)
    between = (sums / sizes[:, None]) @ (sums / sizes[:, None]).T
    with np.errstate(invalid="ignore", divide="ignore"):
        # of n² products of members, n are those of a sequence with itself
        np.fill_diagonal(between, (np.diag(between) * sizes - 1) / (sizes - 1))
    return np.asarray(between)


def _of_pairs(data: ComparedFamilies, repeats: Sequence[ScoredPairs]) -> Floats:
    """Mean similarity of the pairs drawn, (families, families); nan where none was."""
    count = len(data.families)
    sums, numbers = np.zeros((count, count)), np.zeros((count, count))
    for scored in repeats:
        for families, values in (
            (scored.homologous_families, scored.homologous),
            (scored.others_families, scored.others),
        ):
            # both corners of the square, and the diagonal twice
            for first, second in (families.T, families.T[::-1]):
                np.add.at(sums, (first, second), values)
                np.add.at(numbers, (first, second), 1)
    return np.divide(sums, numbers, out=np.full_like(sums, np.nan), where=numbers > 0)


def _aurocs(data: ComparedFamilies, repeats: Sequence[ScoredPairs]) -> Floats:
    own = np.concatenate([scored.homologous for scored in repeats])
    own_family = np.concatenate([scored.homologous_families[:, 0] for scored in repeats])
    other = np.concatenate([np.tile(scored.others, 2) for scored in repeats])
    other_family = np.concatenate([scored.others_families.T.ravel() for scored in repeats])
    numbers = range(len(data.families) + 1)
    result = np.full(len(data.families), np.nan)
    parts = []
    for values, family in ((own, own_family), (other, other_family)):
        order = np.lexsort((values, family))
        parts.append((values[order], np.searchsorted(family[order], numbers)))
    (own, own_ends), (other, other_ends) = parts
    for row in range(len(data.families)):
        inside, leaving = own[own_ends[row] : own_ends[row + 1]], other[other_ends[row] : other_ends[row + 1]]
        if len(inside) and len(leaving):
            wins = np.searchsorted(leaving, inside, "left") + np.searchsorted(leaving, inside, "right")
            result[row] = wins.mean() / 2 / len(leaving)
    return result
