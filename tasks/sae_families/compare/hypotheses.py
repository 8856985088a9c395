"""Families that share features though no clan and no alignment says why: hypotheses, each with its evidence."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

from harness.statistics.metrics import auroc_from_ranks
from tasks.sae.concepts.membership import Floats, Integers, class_means
from tasks.sae_families.compare.alignments import Alignments
from tasks.sae_families.compare.data import ComparedFamilies
from tasks.sae_families.compare.relations import Relations, pairs
from tasks.sae_families.compare.separation import SIGNIFICANT
from tasks.sae_families.compare.sources import Compared

LISTED = 20
ALIGNED = 60
FEATURES = 3

Pair = tuple[int, int]


@dataclass(frozen=True)
class SharedFeature:
    """A feature that both families have: held-out AUROC of each against the sequences of all families but the two."""

    candidate: int
    name: str
    first_auroc: float
    second_auroc: float


@dataclass(frozen=True)
class Funnel:
    """Pairs of families that a source finds alike (q < 0.05), those of them that a clan holds together, those left
    once the rest was aligned as far as ``aligned`` says, and those of them that hold beyond composition and length."""

    alike: int
    of_one_clan: int
    aligned: int
    unexplained: int
    beyond: int


@dataclass(frozen=True)
class Hypothesis:
    """``beyond`` and ``q_beyond`` are similarity and q of what composition does not explain; ``examples`` are rows of
    the held-out sequences in which the first shared feature is strongest, one of each family."""

    pair: Pair
    similarity: float
    p: float
    q: float
    beyond: float
    q_beyond: float
    features: tuple[SharedFeature, ...]
    examples: tuple[int, ...]


def candidate_pairs(found: Relations, clans: Sequence[str | None], most: int = ALIGNED) -> list[Pair]:
    """Pairs that are similar beyond chance (q < 0.05) and known to be of no common clan, the most similar first."""
    rows, columns = pairs(len(clans))
    order = np.argsort(-found.whole.similarity[rows, columns], kind="stable")
    wanted = [
        (int(rows[k]), int(columns[k]))
        for k in order
        if found.whole.q[k] < SIGNIFICANT and (clans[rows[k]] is None or clans[rows[k]] != clans[columns[k]])
    ]
    return wanted[:most]


def listed(candidates: Iterable[Pair], aligned: Alignments, found: Relations) -> list[Pair]:
    """Those that no alignment explains, as many as are listed; those that hold beyond composition come first."""
    place = places(len(found.whole.similarity))
    left = [pair for pair in candidates if not aligned.explains(pair)]
    return sorted(left, key=lambda pair: bool(found.beyond.q[place[pair]] >= SIGNIFICANT))[:LISTED]


def places(families: int) -> dict[Pair, int]:
    """Where p and q of a pair stand."""
    rows, columns = pairs(families)
    return {pair: k for k, pair in enumerate(zip(rows.tolist(), columns.tolist(), strict=True))}


def funnel(found: Relations, clans: Sequence[str | None], candidates: Sequence[Pair], aligned: Alignments) -> Funnel:
    """``candidates`` are those of :func:`candidate_pairs`."""
    place = places(len(clans))
    alike = [pair for pair, k in place.items() if found.whole.q[k] < SIGNIFICANT]
    left = [pair for pair in candidates if not aligned.explains(pair)]
    return Funnel(
        alike=len(alike),
        of_one_clan=sum(clans[i] is not None and clans[i] == clans[j] for i, j in alike),
        aligned=len(candidates),
        unexplained=len(left),
        beyond=sum(bool(found.beyond.q[place[pair]] < SIGNIFICANT) for pair in left),
    )


def hypotheses(wanted: Sequence[Pair], found: Relations, source: Compared, data: ComparedFamilies) -> list[Hypothesis]:
    """The evidence for every pair; ``source`` is the seed whose features are shown."""
    place = places(len(data.families))
    unit = _unit(class_means(source.scores[data.select], data.member(data.select)))
    test = source.scores[data.test]
    member = data.member(data.test)
    made = []
    for pair in wanted:
        shared = (unit[pair[0]] * unit[pair[1]]) * ((unit[pair[0]] > 0) & (unit[pair[1]] > 0))
        best = [int(k) for k in np.argsort(-shared, kind="stable")[:FEATURES] if shared[k] > 0]
        features = tuple(SharedFeature(k, source.feature_name(k), *_aurocs(test[:, k], member, pair)) for k in best)
        k = place[pair]
        examples = tuple(_strongest(source, data, family, best[0]) for family in pair) if best else ()
        values = (
            *(float(found.whole.similarity[pair]), float(found.whole.p[k]), float(found.whole.q[k])),
            *(float(found.beyond.similarity[pair]), float(found.beyond.q[k])),
        )
        made.append(Hypothesis(pair, *values, features, examples))
    return made


def _unit(means: Floats) -> Floats:
    centred = means - means.mean(axis=0)
    norms = np.linalg.norm(centred, axis=1, keepdims=True)
    return np.asarray(centred / np.maximum(norms, 1e-12))


def _aurocs(scores: np.ndarray, member: np.ndarray, pair: Pair) -> tuple[float, float]:
    others = ~member[:, list(pair)].any(axis=1)
    found = []
    for family in pair:
        rows = np.flatnonzero(others | member[:, family])
        ranks = rankdata(scores[rows])[:, None]
        found.append(float(auroc_from_ranks(ranks, member[rows, family][:, None].astype(float))[0, 0]))
    return found[0], found[1]


def _strongest(source: Compared, data: ComparedFamilies, family: int, candidate: int) -> int:
    own: Integers = data.test[data.labels[data.test] == family]
    return int(own[source.scores[own, candidate].argmax()])
