"""What every source chooses on select: a feature per motif cluster that TOMTOM finds, and one feature for peaks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import false_discovery_control

from harness.adapter import Role
from tasks.sae.concepts.choice import SIGNIFICANT, FeatureChoice
from tasks.sae.concepts.membership import Floats, Integers
from tasks.sae.sources.base import FeatureSource
from tasks.sae_motifs.libraries import Library, Matches, match
from tasks.sae_motifs.windows import FeatureMotif

MINIMUM_SUBSAMPLE = 64
ROUNDS = 5
"""Subsamples of features that a source with more than the others is averaged over."""

MOST_PER_CLUSTER = 10
"""Features whose claims are tried on select for one motif cluster, those with the best match."""

ALL, EQUAL, STABLE = "", "equal candidates", "stable features"


class Claim(NamedTuple):
    """That a feature is active ``delta`` nucleotides after the left end of every site of a motif that lies on the
    strand ``strand``. ``library`` counts from 0, which is the real one; the others are permuted."""

    feature: int
    library: int
    motif: int
    strand: int
    delta: int


@dataclass(frozen=True)
class Round:
    """The claims that one choice of candidates leads to, by library: first those of several features per motif cluster,
    in the order of their match, then the one that holds best at the sites of select.

    ``hit_rates`` (libraries,): share of the candidates whose motif matches one of the library.
    """

    claims: tuple[tuple[Claim, ...], ...]
    hit_rates: Floats


@dataclass
class Entry:
    """One source at one layer and seed (None where it has none), and what it chose on select.

    ``motifs`` are those of its features, None where a feature has none; ``matches`` TOMTOM's answers by library, for
    the features in ``with_motif``. ``rounds`` holds the claims by what they were chosen from. ``peak`` is the feature
    that tells sequences from their shuffles. ``values`` (claims, test sequences, 2) are the largest activations at
    sites and at the same places of the shuffled sequence, in the order of ``claims``, NaN where there is none;
    ``peaks`` (test sequences, 2) those of the peak feature with its sign, real and shuffled.
    """

    source: FeatureSource
    layer: int | None
    seed: int | None
    live: NDArray[np.bool_] = field(default_factory=lambda: np.empty(0, dtype=bool))
    motifs: list[FeatureMotif | None] = field(default_factory=list)
    with_motif: Integers = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    matches: list[Matches] = field(default_factory=list)
    rounds: dict[str, list[Round]] = field(default_factory=dict)
    peak: FeatureChoice | None = None
    values: NDArray[np.float32] = field(default_factory=lambda: np.empty((0, 0, 2), dtype=np.float32))
    peaks: NDArray[np.float32] = field(default_factory=lambda: np.empty((0, 2), dtype=np.float32))

    @property
    def name(self) -> str:
        return self.source.name

    @property
    def role(self) -> Role:
        return self.source.role

    @property
    def claims(self) -> list[Claim]:
        """All distinct ones, in a fixed order."""
        every = {claim for rounds in self.rounds.values() for own in rounds for part in own.claims for claim in part}
        return sorted(every)

    def excess_on_select(self) -> float:
        """Motif clusters matched at equal candidates, less the same with permuted libraries: layers are compared by
        it."""
        counts = np.array([[len(part) for part in own.claims] for own in self.rounds[EQUAL]], dtype=np.float64)
        return float((counts[:, 0] - counts[:, 1:].mean(axis=1)).mean())


def find_matches(entry: Entry, libraries: Sequence[Library]) -> None:
    """Fill in ``with_motif`` and ``matches``."""
    entry.with_motif = np.array([f for f, motif in enumerate(entry.motifs) if motif is not None], dtype=np.int64)
    queries = [motif.frequencies for motif in entry.motifs if motif is not None]
    entry.matches = [match(queries, library) for library in libraries] if queries else []


def propose_claims(
    entry: Entry, libraries: Sequence[Library], subsets: Mapping[str, Sequence[Integers | None]]
) -> None:
    """Fill in ``rounds`` from the features of every subset, all of them where it is None: up to ten per cluster."""
    entry.rounds = {
        kind: [_round(entry, libraries, subset) for subset in own_subsets] for kind, own_subsets in subsets.items()
    }


def choose_claims(entry: Entry, libraries: Sequence[Library], aurocs: Mapping[Claim, float]) -> None:
    """Keep one claim per motif cluster: that with the highest AUROC at sites of select, the better match of equals.

    Args:
        aurocs: of every proposed claim, NaN where select has too few sites: such a claim comes last.
    """

    def best(claims: Sequence[Claim], clusters: Integers) -> tuple[Claim, ...]:
        kept: dict[int, Claim] = {}
        for claim in sorted(claims, key=lambda claim: -np.nan_to_num(aurocs[claim], nan=-1.0)):
            kept.setdefault(int(clusters[claim.motif]), claim)
        return tuple(kept[cluster] for cluster in sorted(kept))

    entry.rounds = {
        kind: [
            Round(
                tuple(best(part, library.clusters) for part, library in zip(own.claims, libraries, strict=True)),
                own.hit_rates,
            )
            for own in rounds
        ]
        for kind, rounds in entry.rounds.items()
    }


def subsamples(features: int, budget: int, number: int) -> list[Integers | None]:
    """Seeded choices of ``budget`` features; one of all where the source has no more."""
    if features <= budget:
        return [None]
    generator = np.random.default_rng([0, number])
    return [np.sort(generator.permutation(features)[:budget]) for _ in range(ROUNDS)]


def _round(entry: Entry, libraries: Sequence[Library], subset: Integers | None) -> Round:
    """Benjamini-Hochberg over the candidates; one without a motif counts as a test with p = 1."""
    candidates = entry.source.features if subset is None else len(subset)
    chosen = np.ones(len(entry.with_motif), bool) if subset is None else np.isin(entry.with_motif, subset)
    claims: list[tuple[Claim, ...]] = []
    rates = np.zeros(len(libraries))
    for number, library in enumerate(libraries):
        if not chosen.any():
            claims.append(())
            continue
        own = entry.matches[number]
        p = np.ones(candidates)
        p[: chosen.sum()] = own.p[chosen]
        q = false_discovery_control(p)[: chosen.sum()]
        places = np.flatnonzero(chosen)[q < SIGNIFICANT]
        rates[number] = len(places) / candidates
        places = places[np.argsort(own.p[places], kind="stable")]
        tried: Counter[int] = Counter()
        proposed = []
        for place, cluster in zip(places.tolist(), library.clusters[own.motif[places]].tolist(), strict=True):
            tried[cluster] += 1
            if tried[cluster] <= MOST_PER_CLUSTER:
                proposed.append(_claim(entry, own, number, place))
        claims.append(tuple(proposed))
    return Round(tuple(claims), rates)


def _claim(entry: Entry, matches: Matches, library: int, place: int) -> Claim:
    """The window's first column lies ``first`` after the activation and ``offset`` after the left end of the site."""
    feature = int(entry.with_motif[place])
    motif = entry.motifs[feature]
    assert motif is not None
    delta = int(matches.offset[place]) - motif.first
    return Claim(feature, library, int(matches.motif[place]), int(matches.strand[place]), delta)
