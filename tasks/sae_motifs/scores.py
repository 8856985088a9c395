"""What is confirmed on test, and how sure that is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.stats import false_discovery_control, mannwhitneyu

from harness.adapter import Role
from harness.statistics.bootstrap import Estimate, nested_estimate
from harness.statistics.metrics import weighted_auroc
from tasks.sae.concepts.choice import SIGNIFICANT
from tasks.sae.concepts.membership import Floats, Integers
from tasks.sae_motifs.choices import Claim, Entry, Round

CONFIRMED = 0.7
"""AUROC of a confirmed claim."""
FEWEST_SITES = 10


@dataclass(frozen=True)
class ClaimScore:
    """A claim on test: sites (and as many places of shuffled sequences) that it rests on, AUROC with its draws, p.

    With fewer than 10 sites AUROC is NaN and p is 1.
    """

    sites: int
    auroc: float
    draws: Floats
    p: float


@dataclass(frozen=True)
class SourceScores:
    """Measure -> estimate of one source for one way to choose candidates, over its seeds."""

    name: str
    role: Role
    candidates: int
    estimates: Mapping[str, Estimate] = field(default_factory=dict)


def score_claim(values: NDArray[np.float32], weights: Floats) -> ClaimScore:
    """Args:
    values: (sequences, 2) largest activation at the site and at the same place of the shuffle, NaN without a site.
    weights: (draws, sequences) bootstrap weights.
    """
    used, auroc = auroc_at_sites(values)
    if np.isnan(auroc):
        return ClaimScore(len(used), auroc, np.full(len(weights), np.nan), 1.0)
    real, shuffled = values[used].T.astype(np.float64)
    own = weights[:, used]
    # asymptotic: the exact p knows no ties
    p = mannwhitneyu(real, shuffled, alternative="greater", method="asymptotic").pvalue if np.ptp(values[used]) else 1.0
    return ClaimScore(len(used), auroc, weighted_auroc(real, shuffled, own, own), float(p))


def auroc_at_sites(values: NDArray[np.float32]) -> tuple[Integers, float]:
    """The sequences with a site, and how well the activation at the site is told from that of the shuffle; NaN with
    fewer than 10 sites. ``values`` as in :func:`score_claim`."""
    used = np.flatnonzero(np.isfinite(values).all(axis=1))
    if len(used) < FEWEST_SITES:
        return used, float("nan")
    real, shuffled = values[used].T.astype(np.float64)
    even = np.ones((1, len(used)))
    return used, float(weighted_auroc(real, shuffled, even, even)[0])


def confirmed(scores: Sequence[ClaimScore]) -> tuple[Floats, NDArray[np.bool_], NDArray[np.bool_]]:
    """q (claims,), whether each is confirmed, and whether it is in every draw (draws, claims).

    A draw resamples clusters; which claims are significant is not asked again, since resampled data are more
    significant than they should be.
    """
    q = false_discovery_control([score.p for score in scores])
    significant = q < SIGNIFICANT
    points = np.array([score.auroc > CONFIRMED for score in scores]) & significant
    draws = np.column_stack([score.draws for score in scores]) > CONFIRMED
    return q, points, draws & significant


def score_entry(rounds: Sequence[Round], scores: Mapping[Claim, ClaimScore], draws: int) -> dict[str, Floats]:
    """Measure -> (1 + draws,): the data as they are first, means over the rounds."""
    found = []
    for own in rounds:
        counts = np.zeros((len(own.claims), 1 + draws))
        for number, claims in enumerate(own.claims):
            if claims:
                _, points, resampled = confirmed([scores[claim] for claim in claims])
                counts[number] = np.append(points.sum(), resampled.sum(axis=1))
        matched = np.array([len(claims) for claims in own.claims], dtype=np.float64)
        constant = {
            "matched_clusters": matched[0],
            "matched_clusters_null": matched[1:].mean(),
            "hit_rate": own.hit_rates[0],
            "hit_rate_excess": own.hit_rates[0] - own.hit_rates[1:].mean(),
        }
        null = counts[1:].mean(axis=0)
        measured = {"clusters": counts[0], "clusters_null": null, "excess_clusters": counts[0] - null}
        found.append(measured | {name: np.full(1 + draws, value) for name, value in constant.items()})
    return {name: np.mean([own[name] for own in found], axis=0) for name in found[0]}


def score_source(
    entries: Sequence[Entry], kind: str, scores: Sequence[Mapping[Claim, ClaimScore]], weights: Floats, units: int
) -> SourceScores:
    """One source over its seeds; ``scores`` are those of every entry's claims."""
    every = [score_entry(entry.rounds[kind], own, len(weights)) for entry, own in zip(entries, scores, strict=True)]
    estimates = {
        name: nested_estimate([own[name][1:] for own in every], [own[name][0] for own in every], units)
        for name in every[0]
    }
    first = entries[0]
    return SourceScores(first.name, first.role, first.source.features, estimates)


def peak_auroc(peaks: Sequence[NDArray[np.float32]], weights: Floats, units: int) -> Estimate:
    """AUROC of sequences against their shuffles; (sequences, 2) of every seed."""
    points, draws = [], []
    for own in peaks:
        real, shuffled = own.T.astype(np.float64)
        even = np.ones((1, len(own)))
        points.append(weighted_auroc(real, shuffled, even, even)[0])
        draws.append(weighted_auroc(real, shuffled, weights, weights))
    return nested_estimate(draws, points, units)
