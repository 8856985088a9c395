"""Which families share features: similarity, whether known clans are recovered from it, and what chance gives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import false_discovery_control

from harness.statistics.bootstrap import DRAWS, Estimate, cluster_bootstrap_mean, cluster_weights
from harness.statistics.metrics import weighted_auroc
from tasks.sae.concepts.membership import Floats, Integers, class_means
from tasks.sae_families.compare.data import ComparedFamilies
from tasks.sae_families.compare.sources import Compared

NULL_DRAWS = 400_000
_NULL_CHUNK = 20_000
_CHUNK = 50


@dataclass(frozen=True)
class Likeness:
    """Cosine (families, families) of profiles, and ``q`` of pairs in the order of :func:`pairs`.

    The null are two families drawn at random from a normal distribution with the covariance that the profiles of all
    families have: features that fire together make unrelated families alike too, and p has to know. ``p`` is one-sided,
    ``q`` after Benjamini and Hochberg over all pairs.
    """

    similarity: Floats
    p: Floats
    q: Floats


@dataclass(frozen=True)
class Relations:
    """Families compared by one source, all of its seeds together.

    ``whole``: by mean activations. ``beyond``: by what is left of them once those of the same sequences with their
    dinucleotides shuffled are taken off: composition makes no two families alike there.
    ``identified``: how often a family's held-out profile is nearest to its own profile on the other half.
    """

    name: str
    told: str
    whole: Likeness
    beyond: Likeness
    identified: float


@dataclass(frozen=True)
class ClanRecovery:
    """AUROC of similarity for pairs of one clan against pairs of two, over families whose clan is known.

    ``pooled`` counts all pairs, and so is the AUROC of the largest clans; in ``by_clan`` every clan counts the same:
    its pairs against those that each of its families forms with other clans. Draws resample clans.
    """

    pooled: Estimate
    by_clan: Estimate
    clans: dict[str, tuple[int, float]]


def pairs(families: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows and columns of all pairs of families, the first one first."""
    rows, columns = np.triu_indices(families, 1)
    return rows, columns


def relations(seeds: Sequence[Compared], data: ComparedFamilies) -> Relations:
    """Compare families by one source."""
    rows = np.arange(len(data.records))
    whole = _profiles([source.scores for source in seeds], data, rows)
    beyond = _profiles([source.scores - source.shuffled for source in seeds], data, rows)
    return Relations(seeds[0].name, seeds[0].told, _likeness(whole), _likeness(beyond), identified(seeds, data))


def identified(seeds: Sequence[Compared], data: ComparedFamilies) -> float:
    """How often a family is nearest to itself: its held-out profile to that on the other half."""
    halves = [_profiles([source.scores for source in seeds], data, rows) for rows in (data.select, data.test)]
    both = _cosines(np.concatenate(halves))[: len(data.families), len(data.families) :]
    return float((both.argmax(axis=0) == np.arange(len(data.families))).mean())


def _profiles(matrices: Sequence[NDArray[np.float32]], data: ComparedFamilies, rows: Integers) -> Floats:
    """(families, features of all seeds): family means less the mean of all families. Every seed weighs the same."""
    found = []
    for scores in matrices:
        means = class_means(scores[rows], data.member(rows))
        centred = means - means.mean(axis=0)
        found.append(centred / max(float(np.linalg.norm(centred)), 1e-12))
    return np.hstack(found)


def _cosines(profiles: Floats) -> Floats:
    norms = np.linalg.norm(profiles, axis=1, keepdims=True)
    unit = np.divide(profiles, norms, out=np.zeros_like(profiles), where=norms > 1e-12)
    return np.asarray(np.clip(unit @ unit.T, -1, 1))


def _likeness(profiles: Floats) -> Likeness:
    similarity = _cosines(profiles)
    found = similarity[pairs(len(profiles))]
    null = random_cosines(profiles)
    reached = len(null) - np.searchsorted(null, found - 1e-9)
    p = (1 + reached) / (1 + len(null))
    return Likeness(similarity, p, np.asarray(false_discovery_control(p)))


def random_cosines(profiles: Floats, draws: int = NULL_DRAWS, seed: int = 0) -> Floats:
    """(draws,) ascending: cosines of two random vectors with the covariance of the rows. Cost O(draws x families)."""
    # along the axes of the covariance, of which there are no more than families
    spread = np.sqrt(np.clip(np.linalg.eigvalsh(profiles @ profiles.T), 0, None)).astype(np.float32)
    generator, found = np.random.default_rng(seed), []
    for start in range(0, draws, _NULL_CHUNK):
        first, second = (
            generator.standard_normal((2, min(_NULL_CHUNK, draws - start), len(spread)), dtype=np.float32) * spread
        )
        norms = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
        found.append(np.einsum("df,df->d", first, second) / np.maximum(norms, 1e-12))
    return np.sort(np.concatenate(found).astype(np.float64))


def clan_recovery(similarity: Floats, clans: Sequence[str | None], draws: int = DRAWS) -> ClanRecovery | None:
    """None where no clan is known to hold two of the families, or where all are of one."""
    known = np.array([number for number, clan in enumerate(clans) if clan is not None], dtype=int)
    names = [str(clans[number]) for number in known]
    rows, columns = pairs(len(known))
    alike = np.array([names[i] == names[j] for i, j in zip(rows, columns, strict=True)], dtype=bool)
    if not alike.any() or alike.all():
        return None
    values = similarity[np.ix_(known, known)]
    weights = cluster_weights(names, draws)

    def auroc(drawn: Floats) -> Floats:
        of_pairs = drawn[:, rows] * drawn[:, columns]
        found = values[rows, columns]
        return weighted_auroc(found[alike], found[~alike], of_pairs[:, alike], of_pairs[:, ~alike])

    drawn = np.concatenate([auroc(weights[start : start + _CHUNK]) for start in range(0, draws, _CHUNK)])
    by_clan: dict[str, tuple[int, float]] = {}
    for clan in sorted({names[i] for i in rows[alike]}):
        member = np.array([name == clan for name in names])
        inside = alike & member[rows]
        across = member[rows] != member[columns]
        one = np.ones((1, 1))
        found = values[rows, columns]
        reached = weighted_auroc(found[inside], found[across], one.repeat(inside.sum(), 1), one.repeat(across.sum(), 1))
        by_clan[clan] = int(member.sum()), float(reached[0])
    pooled = Estimate(float(auroc(np.ones((1, len(names))))[0]), drawn, len(by_clan))
    macro = cluster_bootstrap_mean([value for _, value in by_clan.values()], list(by_clan), draws)
    return ClanRecovery(pooled, macro, by_clan)
