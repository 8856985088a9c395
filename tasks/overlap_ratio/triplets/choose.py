"""Anchored triplets: does a model know a homolog from a decoy that looks as near to the anchor?

A triplet is (a, b, c): b is of a's family and c is not. In tier 1 b and c are as like a in their 6-mers and their
length, and as like each other in their composition; in tier 2 they are as identical to a too. The triplets are chosen
so that every simple measure is right half of the time. What a model scores above a half is then known by other means.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from harness.datasets.records import Dataset
from harness.errors import HarnessError, InputError
from harness.statistics.bootstrap import Estimate, cluster_bootstrap_mean
from harness.storage.cache import cache_folder
from harness.storage.files import atomic_path
from tasks.overlap_ratio.triplets import gate
from tasks.overlap_ratio.triplets.search import (
    Floats,
    Integers,
    Kinship,
    Members,
    Tolerances,
    candidates,
    eligible,
    unrelated,
)

_VERSION = 2  # part of the cache's file name: raise it when the triplets change
_FACTORS = (1.0, 0.7, 0.5)
_POOL = (30, 60)  # triplets of a family to choose from, in tier 1 and in tier 2

Similarity = Callable[[Integers], Floats]
"""(n, 2) indices into :attr:`TripletSets.record_ids` -> (n,) similarities, higher is more alike."""


@dataclass(frozen=True)
class Tier:
    """The triplets of one tier, what the simple measures score on them, and by how much its tolerances were tightened.

    ``triplets`` is (n, 3) int64 of a, b, c, indices into the record ids; ``families`` (n,) names the family of a;
    ``rows`` maps a mandatory row to its score; ``factor`` multiplies all tolerances and is 1 unless the gate failed.
    """

    triplets: Integers
    families: tuple[str, ...]
    factor: float
    rows: Mapping[str, float]
    gated: tuple[str, ...]

    @property
    def farthest(self) -> str:
        """The gated row that is farthest from 0.5, with its score; there must be triplets."""
        name = max(self.gated, key=lambda name: abs(self.rows[name] - 0.5))
        return f"{name} {self.rows[name]:.3f}"

    @property
    def worst(self) -> float:
        """How far the farthest gated row is from 0.5; infinite where there is no triplet."""
        return max((abs(self.rows[name] - 0.5) for name in self.gated), default=np.inf) if self.rows else np.inf

    @property
    def passed(self) -> bool:
        """Whether every gated row is within 0.50 ± 0.03: only then does the tier's name hold."""
        return self.worst <= gate.MARGIN

    def describe(self) -> str:
        """One line: counts, the gate and its farthest row."""
        if not self.rows:
            return f"no triplets: fewer than {gate.FEWEST_FAMILIES} families have some that simple measures cannot tell"
        line = f"{len(self.triplets):,} triplets over {len(set(self.families)):,} families; gate 0.50 ± {gate.MARGIN} "
        line += f"{'passed' if self.passed else 'FAILED'} (farthest: {self.farthest})"
        return line if self.factor == 1 else line + f"; tolerances tightened to {self.factor:g} of the default"


@dataclass(frozen=True)
class TripletSets:
    """The triplets of a dataset, the same for every model. ``record_ids`` names the records that they need."""

    record_ids: tuple[str, ...]
    tier1: Tier
    tier2: Tier

    def describe(self) -> list[str]:
        """What to print: one line per tier."""
        return [f"tier 1, beyond k-mers: {self.tier1.describe()}", f"tier 2, beyond identity: {self.tier2.describe()}"]


@dataclass(frozen=True)
class TripletScores:
    """P(sim(a, b) > sim(a, c)), ties a half, every family weighing the same; ``n`` counts families.

    A tier without triplets has no score. ``by_family`` holds the score of every family, which the estimates come from.
    """

    tier1: Estimate | None
    tier2: Estimate | None
    triplets: tuple[int, int]
    by_family: tuple[Mapping[str, float], Mapping[str, float]]


def find_triplets(dataset: Dataset, seed: int = 0) -> TripletSets:
    """The triplets of a dataset; made once per fingerprint and seed, and kept in ``$HARNESS_CACHE``.

    Where a tier fails its gate, all its tolerances are tightened, twice at most; the best attempt is kept, and says so.
    Takes minutes for tens of thousands of sequences: nearly all of it goes into aligning families with each other.
    """
    kept = cache_folder() / "triplets" / f"{dataset.fingerprint}-{seed}-v{_VERSION}.npz"
    if (known := _load(kept)) is not None:
        return known
    members = eligible(dataset)
    kinship = Kinship(dataset, members.families)
    tiers = _attempt(members, kinship, _FACTORS[0], seed)
    for factor in _FACTORS[1:]:
        if all(tier.passed for tier in tiers):
            break
        tighter = _attempt(members, kinship, factor, seed)
        tiers = [old if old.passed else min(old, new, key=_worst) for old, new in zip(tiers, tighter, strict=True)]
    found = _numbered(members, *tiers)
    # a cache that cannot be written costs time, not the result
    with suppress(OSError), atomic_path(kept) as temporary:
        _save(temporary, found)
    return found


def score_triplets(sets: TripletSets, similarity_of_pairs: Similarity) -> TripletScores:
    """How often a similarity prefers the homolog, with draws over families.

    Raises:
        HarnessError: a similarity is missing, NaN or infinite.
    """
    differences = []
    for tier in (sets.tier1, sets.tier2):
        near, far = (_similarities(similarity_of_pairs, tier.triplets[:, pair], sets) for pair in ([0, 1], [0, 2]))
        differences.append(near - far)
    first, second = differences
    return _scores(sets, first, second)


def mandatory_rows(sets: TripletSets, dataset: Dataset) -> dict[str, TripletScores]:
    """The scores of the simple measures, by name; without them no score of a model means anything.

    ``kmer-1`` … ``kmer-6``, ``length``, ``family-size``, ``identity``, ``local-alignment``, ``single-sequence`` (a
    classifier of b or c alone) and ``together``, the best linear combination of the others: the only row that no gate
    holds at a half.

    Raises:
        InputError: the triplets are of another dataset.
    """
    members = eligible(dataset)
    place = {identifier: position for position, identifier in enumerate(members.ids)}
    if missing := [identifier for identifier in sets.record_ids if identifier not in place]:
        raise InputError(f"the triplets need record {missing[0]!r}, which is not in the dataset: find triplets for it")
    places = np.array([place[identifier] for identifier in sets.record_ids], dtype=np.int64)
    first, second = (gate.rows(members, places[tier.triplets]) for tier in (sets.tier1, sets.tier2))
    return {name: _scores(sets, first[name], second[name]) for name in first}


def _attempt(members: Members, kinship: Kinship, factor: float, seed: int) -> list[Tier]:
    tolerances = Tolerances().tightened(factor)
    pools: list[list[Integers]] = [[], []]
    for found in candidates(members, tolerances, seed):
        level = found[np.abs(gate.identity_differences(members, found)) <= tolerances.identity]
        for pool, own, count in zip(pools, (found, level), _POOL, strict=True):
            pool.append(unrelated(own, members, kinship, count))
    tiers = []
    for pool, aligned in zip(pools, (False, True), strict=True):
        triplets = np.concatenate([np.empty((0, 3), np.int64), *pool])
        chosen = triplets[gate.balanced(members.family[triplets[:, 0]], gate.signs(members, triplets, aligned))]
        tiers.append(_tier(members, chosen, factor, aligned))
    return tiers


def _tier(members: Members, triplets: Integers, factor: float, aligned: bool) -> Tier:
    families = tuple(members.families[family] for family in members.family[triplets[:, 0]])
    differences = gate.rows(members, triplets)
    scores = {name: float(_by_family(row, families)[0].mean()) for name, row in differences.items() if families}
    return Tier(triplets, families, factor, scores, gate.gated(aligned))


def _worst(tier: Tier) -> float:
    return tier.worst


def _numbered(members: Members, tier1: Tier, tier2: Tier) -> TripletSets:
    """The same with indices into the records that are used, in the order of their ids."""
    used = np.unique(np.concatenate([tier1.triplets.ravel(), tier2.triplets.ravel()]))
    used = np.array(sorted(used.tolist(), key=lambda member: members.ids[member]), dtype=np.int64)
    number = np.zeros(len(members.ids), np.int64)
    number[used] = np.arange(len(used))
    first, second = (replace(tier, triplets=number[tier.triplets]) for tier in (tier1, tier2))
    return TripletSets(tuple(members.ids[member] for member in used), first, second)


def _similarities(similarity_of_pairs: Similarity, pairs: Integers, sets: TripletSets) -> Floats:
    values = np.asarray(similarity_of_pairs(pairs), dtype=np.float64)
    if values.shape != (len(pairs),):
        raise HarnessError(f"a similarity of shape {values.shape} for {len(pairs)} pairs: return one number per pair")
    if not np.isfinite(values).all():
        first, second = pairs[int(np.argmin(np.isfinite(values)))]
        raise HarnessError(
            f"the similarity of {sets.record_ids[first]!r} and {sets.record_ids[second]!r} is not a finite number: "
            "look for zero vectors or NaN in the model's output"
        )
    return values


def _scores(sets: TripletSets, first: Floats, second: Floats) -> TripletScores:
    one, two = (
        dict(zip(names, means.tolist(), strict=True))
        for means, names in (_by_family(first, sets.tier1.families), _by_family(second, sets.tier2.families))
    )
    return TripletScores(
        tier1=_estimate(one),
        tier2=_estimate(two),
        triplets=(len(sets.tier1.triplets), len(sets.tier2.triplets)),
        by_family=(one, two),
    )


def _estimate(by_family: Mapping[str, float]) -> Estimate | None:
    return cluster_bootstrap_mean(list(by_family.values()), list(by_family)) if by_family else None


def _by_family(difference: Floats, families: tuple[str, ...]) -> tuple[Floats, list[str]]:
    """The mean score of every family and the families' names."""
    names, number = np.unique(families, return_inverse=True)
    won = np.sign(difference) / 2 + 0.5
    return np.bincount(number, won) / np.maximum(np.bincount(number), 1), names.tolist()


def _save(path: Path, sets: TripletSets) -> None:
    meta = {
        name: {"families": tier.families, "factor": tier.factor, "rows": tier.rows, "gated": tier.gated}
        for name, tier in (("tier1", sets.tier1), ("tier2", sets.tier2))
    }
    with path.open("wb") as handle:  # given a path, numpy would add a suffix to it
        np.savez_compressed(
            handle,
            tier1=sets.tier1.triplets,
            tier2=sets.tier2.triplets,
            meta=json.dumps({"record_ids": sets.record_ids, **meta}),
        )


def _load(path: Path) -> TripletSets | None:
    """What an earlier run kept; None where there is nothing whole."""
    try:
        with np.load(path, allow_pickle=False) as kept:
            meta = json.loads(str(kept["meta"]))
            tiers = [
                Tier(
                    kept[name],
                    tuple(meta[name]["families"]),
                    meta[name]["factor"],
                    meta[name]["rows"],
                    tuple(meta[name]["gated"]),
                )
                for name in ("tier1", "tier2")
            ]
    except (OSError, EOFError, ValueError, KeyError, BadZipFile, zlib.error):
        return None
    return TripletSets(tuple(meta["record_ids"]), *tiers)
