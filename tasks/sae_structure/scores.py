"""Scores of chosen features on the nucleotides of test, each with bootstrap draws over units of RNAs and seeds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.stats import false_discovery_control

from harness.adapter import Role
from harness.statistics.bootstrap import Estimate, cluster_weights, nested_estimate, permutation_p
from harness.statistics.metrics import f1_of_counts, matthews_of_counts
from tasks.sae.concepts.choice import FeatureChoice
from tasks.sae.concepts.conditional import pair_sums
from tasks.sae.concepts.macro_scores import MacroScores
from tasks.sae.concepts.membership import Floats, Integers, Membership
from tasks.sae.concepts.ranks import levels
from tasks.sae_structure.elements import element_counts, element_f1
from tasks.sae_structure.nucleotides import HEADLINE, Nucleotides

_BINS = 64  # of scores, for the spread of average precision


@dataclass(frozen=True)
class Part:
    """Test RNAs that are scored together: all of them, or those of new families.

    ``rows`` are their nucleotides, ``rna`` (rows,) numbers their RNAs from 0 on, ``member`` (rows, elements) says what
    they belong to, ``base`` and ``context`` are the strata of the conditional AUROCs; ``weights`` (draws, RNAs) the
    bootstrap over ``units`` families or clusters, the same for every model and source.
    """

    name: str
    elements: tuple[str, ...]
    rows: Integers
    rna: Integers
    member: Membership
    base: Integers
    context: Integers
    weights: Floats
    units: int

    @classmethod
    def of(
        cls,
        name: str,
        nucleotides: Nucleotides,
        which: NDArray[np.bool_],
        elements: Sequence[str],
        context: Integers,
        units: Sequence[str],
        draws: int,
    ) -> Part:
        """The RNAs in ``which``, (RNAs,)."""
        rows = np.flatnonzero(which[nucleotides.rna])
        own = [unit for unit, chosen in zip(units, which, strict=True) if chosen]
        return cls(
            name=name,
            elements=tuple(elements),
            rows=rows,
            rna=(np.cumsum(which) - 1)[nucleotides.rna[rows]],
            member=nucleotides.member(elements)[rows],
            base=nucleotides.base[rows],
            context=context[rows],
            weights=cluster_weights(own, draws),
            units=len(set(own)),
        )

    @property
    def rnas(self) -> int:
        return int(self.weights.shape[1])

    @cached_property
    def headline(self) -> list[int]:
        """Columns of the elements behind the macro scores: those of S, H, B, I and M that occur in the part."""
        return [c for c, element in enumerate(self.elements) if element in HEADLINE and self.member[:, c].any()]

    @cached_property
    def transformed(self) -> NDArray[np.complex128]:
        """(elements, rows / 2 + 1): the labels of each element as :func:`shift_p` multiplies them, conjugated."""
        return np.conj(np.fft.rfft(self.member.T.astype(np.float64)))


@dataclass(frozen=True)
class Sampled:
    """A measure of every element: ``points`` (elements,) on the data, ``draws`` (draws, elements); NaN where an
    element does not occur."""

    points: Floats
    draws: Floats

    @classmethod
    def of_counts(cls, counts: Floats, weights: Floats, measure: Callable[[Floats], Floats]) -> Sampled:
        """A measure of sums over RNAs.

        Args:
            counts: (RNAs, elements, k).
            weights: (draws, RNAs).
            measure: from (..., elements, k) to (..., elements).
        """
        draws = np.tensordot(weights, counts, axes=(1, 0))
        return cls(measure(counts.sum(axis=0)), measure(draws))


@dataclass(frozen=True)
class SeedScores:
    """What one seed of a source chose on select, and how that does on a part of test; ``p`` from :func:`shift_p`, empty
    where it was not asked for."""

    seed: int | None
    choice: FeatureChoice
    feature_names: tuple[str, ...]
    candidates: int
    values: dict[str, Sampled]
    p: Floats

    @property
    def q(self) -> Floats:
        """(elements,): p after Benjamini-Hochberg over the elements that have one."""
        q = self.p.copy()
        known = np.isfinite(q)
        q[known] = false_discovery_control(q[known])
        return q


@dataclass(frozen=True)
class SourceScores:
    """All seeds of a source at one layer on one part of test."""

    name: str
    role: Role
    seeds: tuple[SeedScores, ...]
    part: Part

    def estimate(self, measure: str, columns: Sequence[int]) -> Estimate:
        """Mean over some elements, with draws nested over units and seeds."""
        own = [seed.values[measure] for seed in self.seeds]
        draws = np.stack([sampled.draws[:, columns].mean(axis=1) for sampled in own])
        points = np.array([sampled.points[columns].mean() for sampled in own])
        return nested_estimate(draws, points, self.part.units)

    @cached_property
    def macro(self) -> MacroScores:
        """Over the elements of the headline."""
        return MacroScores(*(self.estimate(measure, self.part.headline) for measure in ("auroc", "mcc", "f1")))

    def seed_mean(self, measure: str) -> Floats:
        """(elements,): mean over seeds."""
        return np.mean([seed.values[measure].points for seed in self.seeds], axis=0)


def score_calls(called: Membership, part: Part) -> dict[str, Sampled]:
    """``mcc`` and ``f1`` over all nucleotides, and ``mcc_rna``, the mean over RNAs that hold an element in part.

    ``attainable_mcc`` and ``enrichment`` as in :func:`attainable_mcc` and :func:`enrichment`.
    """
    tp, calls, known, total = counts = nucleotide_counts(called, part)
    stacked = np.stack(counts, axis=-1)

    def measured(function: Callable[..., Floats], most: int) -> Sampled:
        def measure(sums: Floats) -> Floats:
            own = np.moveaxis(sums, -1, 0)
            return np.where(own[2] > 0, function(*own[:most]), np.nan)

        return Sampled.of_counts(stacked, part.weights, measure)

    varies = (known > 0) & (known < total)
    each = np.stack([np.where(varies, matthews_of_counts(tp, calls, known, total), 0), varies], axis=-1)

    def mean(sums: Floats) -> Floats:
        return np.divide(sums[..., 0], sums[..., 1], out=np.full(sums.shape[:-1], np.nan), where=sums[..., 1] > 0)

    return {
        "mcc": measured(matthews_of_counts, 4),
        "f1": measured(f1_of_counts, 3),
        "attainable_mcc": measured(attainable_mcc, 4),
        "enrichment": measured(enrichment, 4),
        "mcc_rna": Sampled.of_counts(each, part.weights, mean),
    }


def attainable_mcc(tp: Floats, called: Floats, known: Floats, total: Floats) -> Floats:
    """The largest MCC that so many calls can have, whatever nucleotides they are: a sparse feature has few."""
    return matthews_of_counts(np.minimum(called, known), called, known, total)


def enrichment(tp: Floats, called: Floats, known: Floats, total: Floats) -> Floats:
    """Precision over prevalence: how much more frequent an element is where it is called. 1 without a call."""
    return np.divide(tp * total, called * known, out=np.ones_like(tp), where=called * known > 0)


def nucleotide_counts(called: Membership, part: Part) -> tuple[Floats, Floats, Floats, Floats]:
    """(RNAs, elements) each: hits, called, known and all nucleotides."""
    starts = np.searchsorted(part.rna, np.arange(part.rnas))  # every RNA has a row
    tp, calls, known, total = (
        np.add.reduceat(marked, starts, axis=0, dtype=np.float64)
        for marked in (called & part.member, called, part.member, np.ones_like(called))
    )
    return tp, calls, known, total


def score_ranks(oriented: Floats, part: Part, strata: dict[str, Integers]) -> dict[str, Sampled]:
    """AUROC within strata: ``strata`` holds (rows,) by the name of the measure."""
    found = {}
    for name, stratum in strata.items():
        sums = [
            pair_sums(oriented[:, c], part.member[:, c], stratum, part.rna, part.rnas) for c in range(oriented.shape[1])
        ]
        points = np.array([own.auroc for own in sums])
        found[name] = Sampled(points, np.column_stack([own.draws(part.weights) for own in sums]))
    return found


def average_precisions(oriented: Floats, part: Part) -> Sampled:
    """Exact on the data; draws are of scores in 64 classes (quantiles of the positives), moved to the exact value."""
    points, draws = [], []
    weights = np.vstack([np.ones((1, part.rnas)), part.weights])
    for c in range(oriented.shape[1]):
        scores, positive = oriented[:, c], part.member[:, c]
        if not positive.any():
            points.append(np.nan)
            draws.append(np.full(len(part.weights), np.nan))
            continue
        level = levels(scores)
        exact = _average_precision(level, positive)
        edges = np.unique(np.quantile(scores[positive], np.arange(_BINS) / _BINS))[::-1]
        distinct = np.empty(level.max() + 1)
        distinct[level] = scores
        bins = (len(edges) - np.searchsorted(edges[::-1], distinct, side="right"))[level]  # 0 is the highest
        place, size = part.rna * (len(edges) + 1) + bins, part.rnas * (len(edges) + 1)
        histograms = (np.bincount(own, minlength=size).reshape(part.rnas, -1) for own in (place[positive], place))
        hits, calls = (weights @ histogram.astype(np.float64) for histogram in histograms)
        recall = np.divide(hits, hits.sum(axis=1, keepdims=True), out=np.zeros_like(hits), where=hits > 0)
        precision = np.divide(hits.cumsum(axis=1), calls.cumsum(axis=1), out=np.zeros_like(hits), where=hits > 0)
        values = (recall * precision).sum(axis=1)
        points.append(exact)
        draws.append(np.clip(values[1:] + exact - values[0], 0, 1))
    return Sampled(np.array(points), np.column_stack(draws))


def _average_precision(level: Integers, positive: NDArray[np.bool_]) -> float:
    """That of scikit-learn, to the bit, where the ``level`` (rows,) of every score is known: O(rows)."""
    hits = np.bincount(level, weights=positive)[::-1].cumsum()
    called = np.bincount(level)[::-1].cumsum()
    recall = np.append((hits / hits[-1])[::-1], 0)
    return max(0.0, -float(np.sum(np.diff(recall) * (hits / called)[::-1])))


def score_elements(called: Membership, part: Part) -> Sampled:
    """``element_f1`` of every element."""
    counts = [element_counts(called[:, c], part.member[:, c], part.rna, part.rnas) for c in range(called.shape[1])]

    def measure(sums: Floats) -> Floats:
        return np.where(sums[..., 2] > 0, element_f1(sums), np.nan)

    return Sampled.of_counts(np.stack(counts, axis=1), part.weights, measure)


def score_seed(oriented: Floats, threshold: Floats, part: Part, whole: bool) -> dict[str, Sampled]:
    """All measures of chosen features with their signs, (rows of the part, elements); few of them unless ``whole``."""
    called = oriented >= threshold
    none = np.zeros(len(part.rows), dtype=np.int64)
    found = score_calls(called, part)
    if not whole:
        return found | score_ranks(oriented, part, {"auroc": none})
    strata = {"auroc": none, "conditional_auroc": part.base, "context_auroc": part.context}
    return (
        found
        | score_ranks(oriented, part, strata)
        | {"average_precision": average_precisions(oriented, part), "element_f1": score_elements(called, part)}
    )


def shift_p(called: Membership, part: Part) -> Floats:
    """(elements,) p of as many hits as there are, or more, where labels move along the nucleotides in a circle.

    So labels and calls keep their runs, which permuted nucleotides would lose. All shifts that move a label further
    than the longest RNA are counted, by one Fourier transform: O(rows log rows). NaN where none is that far, and where
    an element does not occur.
    """
    rows = len(part.rows)
    nearest = int(np.bincount(part.rna).max())
    far = slice(nearest, rows - nearest + 1)
    found = np.full(called.shape[1], np.nan)
    for c in range(called.shape[1]):
        if part.member[:, c].any() and far.start < far.stop:
            hits = np.fft.irfft(np.fft.rfft(called[:, c].astype(np.float64)) * part.transformed[c], rows)
            found[c] = permutation_p(round(hits[0]), np.rint(hits[far]))
    return found
