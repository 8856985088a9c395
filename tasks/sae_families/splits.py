"""Train, select and test for the family task: clusters stay whole, and each family gets enough positives."""

from __future__ import annotations

import zlib
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from harness.datasets.records import SPLITS, Split
from harness.errors import NotApplicable
from tasks.sae.concepts.membership import Integers


@dataclass(frozen=True)
class FamilySplits:
    """Where every record goes.

    ``assignment`` holds, per record, its split or None for a record that is not used. ``representative`` marks one
    record per cluster that is used; in select and test those are the sequences that are scored. ``label`` is the
    record's family as an index into ``families`` (the eligible ones), or -1. ``left_out`` says how many of what were
    left out, and why.
    """

    families: tuple[str, ...]
    assignment: tuple[Split | None, ...]
    representative: NDArray[np.bool_]
    label: Integers
    left_out: dict[str, int]

    def scored(self, split: Split) -> tuple[Integers, Integers]:
        """Indices of the records scored in select or test, and their labels as indices into ``families``."""
        records = np.array([i for i in np.flatnonzero(self.representative) if self.assignment[i] == split], dtype=int)
        return records, self.label[records]

    def train(self) -> Integers:
        """Indices of the records that train the autoencoder, labelled or not."""
        return np.array([i for i, split in enumerate(self.assignment) if split == "train"], dtype=int)


def family_splits(
    family: Sequence[str | None],
    cluster: Sequence[str],
    given: Sequence[Split | None],
    seed: int = 0,
    minimum_clusters: int = 25,
    per_split: int = 10,
    most_clusters: int = 30,
) -> FamilySplits:
    """Split records by cluster; give them in a fixed order (sorted by id), on which the seeded choices rest.

    Without given splits, families with ``minimum_clusters`` are eligible: ``per_split`` clusters of each go to select,
    as many to test, and all the rest (also of other families, or of none) to train. Where any split is given, the
    given ones hold, and families with ``per_split`` clusters in select and in test are eligible; at most
    ``most_clusters`` of a family are scored, half of them in select and half in test.

    A cluster lies on one side: one that spans families counts for the first by name, one given to several splits goes
    to the first of train, select, test. One record per cluster represents it. Cost O(records).

    Raises:
        NotApplicable: fewer than two families are eligible.
    """
    members: dict[str, list[int]] = defaultdict(list)
    for index, name in enumerate(cluster):
        members[name].append(index)
    home = {
        name: min((f for i in rows if (f := family[i]) is not None), default=None) for name, rows in members.items()
    }
    left_out: Counter[str] = Counter()
    left_out["clusters that span families, assigned to the first"] = sum(
        len({family[i] for i in rows} - {None}) > 1 for rows in members.values()
    )
    side: dict[str, Split | None]
    if any(split is not None for split in given):
        side = {name: _first_split([given[i] for i in rows]) for name, rows in members.items()}
        left_out["records moved to the split of their cluster"] = sum(
            given[i] is not None and given[i] != side[name] for name, rows in members.items() for i in rows
        )
        scored = _scored_as_given(home, side, seed, per_split, most_clusters)
        rule = f"{per_split} clusters in select and in test"
    else:
        scored = _scored_by_draw(home, seed, minimum_clusters, per_split)
        side = dict.fromkeys(members, "train")
        for clusters in scored.values():
            side.update(clusters)
        rule = f"{minimum_clusters} clusters"
    if len(scored) < 2:
        raise NotApplicable(
            f"{len(scored)} of {len({f for f in family if f is not None})} families have {rule} or more; "
            "scoring families against each other needs at least two: use a larger dataset"
        )
    used = {name for clusters in scored.values() for name in clusters}
    left_out[f"families with fewer than {rule}"] = len({f for f in family if f is not None}) - len(scored)
    left_out["records without a split"] = sum(len(members[name]) for name in members if side[name] is None)
    for name in members:
        if side[name] in ("select", "test") and name not in used:
            side[name] = None
            left_out["clusters in select and test that are not scored"] += 1
    representative = np.zeros(len(family), dtype=bool)
    for name, rows in members.items():
        own = [i for i in rows if family[i] == home[name]]
        representative[own[int(_generator(seed, name).integers(len(own)))]] = side[name] is not None
    assignment = tuple(side[name] for name in cluster)
    left_out["records of select and test other than their cluster's representative"] = sum(
        split in ("select", "test") and not chosen for split, chosen in zip(assignment, representative, strict=True)
    )
    counts = {reason: count for reason, count in left_out.items() if count}
    position: dict[str | None, int] = {name: k for k, name in enumerate(sorted(scored))}
    label = np.array([position.get(name, -1) for name in family], dtype=int)
    return FamilySplits(tuple(sorted(scored)), assignment, representative, label, counts)


def _generator(seed: int, name: str) -> np.random.Generator:
    return np.random.default_rng([seed, zlib.crc32(name.encode())])


def _first_split(given: Sequence[Split | None]) -> Split | None:
    return next((split for split in SPLITS if split in given), None)


def _clusters_by_family(home: dict[str, str | None], seed: int) -> dict[str, list[str]]:
    """Clusters of each family in a seeded order that does not depend on other families."""
    clusters: dict[str, list[str]] = defaultdict(list)
    for name, family in sorted(home.items()):
        if family is not None:
            clusters[family].append(name)
    return {f: [names[k] for k in _generator(seed, f).permutation(len(names))] for f, names in clusters.items()}


def _scored_by_draw(
    home: dict[str, str | None], seed: int, minimum_clusters: int, per_split: int
) -> dict[str, dict[str, Split]]:
    scored: dict[str, dict[str, Split]] = {}
    for family, names in _clusters_by_family(home, seed).items():
        if len(names) >= minimum_clusters:
            chosen = names[: 2 * per_split]
            scored[family] = {name: "test" if k % 2 else "select" for k, name in enumerate(chosen)}
    return scored


def _scored_as_given(
    home: dict[str, str | None], side: dict[str, Split | None], seed: int, per_split: int, most_clusters: int
) -> dict[str, dict[str, Split]]:
    scored: dict[str, dict[str, Split]] = {}
    for family, names in _clusters_by_family(home, seed).items():
        select, test = ([name for name in names if side[name] == split] for split in ("select", "test"))
        if min(len(select), len(test)) >= per_split:
            kept = select[: most_clusters // 2] + test[: most_clusters // 2]
            scored[family] = {name: split for name in kept if (split := side[name]) is not None}
    return scored


def minimum_detectable_difference(
    families: int, positives: int, auroc: float = 0.75, confidence: float = 0.95, power: float = 0.80
) -> float:
    """Smallest difference of macro AUROC between two sources that a test with this many families shows, before any run.

    (z(confidence) + z(power)) sqrt(2 / families) SE, with the Hanley-McNeil (1982) standard error of one AUROC, at
    ``auroc``, from ``positives`` sequences of a family against those of all others. The two sources are taken as
    uncorrelated, which is cautious: paired differences are usually finer.
    """
    negatives = positives * (families - 1)
    one, two = auroc / (2 - auroc), 2 * auroc**2 / (1 + auroc)
    variance = auroc * (1 - auroc) + (positives - 1) * (one - auroc**2) + (negatives - 1) * (two - auroc**2)
    standard_error = (variance / (positives * negatives)) ** 0.5
    z = float(norm.ppf((1 + confidence) / 2) + norm.ppf(power))
    return float(z * (2 / families) ** 0.5 * standard_error)
