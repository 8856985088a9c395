"""What every source chooses on select: one feature, sign and threshold per element."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import scipy.sparse
from numpy.typing import NDArray

from harness.adapter import Role
from harness.datasets.selection import choosing_half
from tasks.sae.concepts.choice import FeatureChoice
from tasks.sae.concepts.cuts import best_cuts, best_cuts_of_each, split_half_mcc
from tasks.sae.concepts.membership import Floats, Integers, Membership
from tasks.sae.sources.base import Features, FeatureSource

CHOOSING_ROWS = 20_000
"""Nucleotides of select that choose, at most: they hold 600 of the rarest element."""
MINIMUM_SUBSAMPLE = 64
SHIFTS = 20

ALL, EQUAL, STABLE = "", "equal candidates", "stable features"


@dataclass(frozen=True)
class Choosing:
    """The nucleotides of select that choose.

    ``rows`` are theirs among all of select; ``member`` (rows, elements); ``half`` (rows,) tells the halves by which
    layers are compared; ``headline`` are the columns of the elements that the headline counts.
    """

    rows: Integers
    member: Membership
    half: NDArray[np.bool_]
    headline: tuple[int, ...]


@dataclass
class Entry:
    """One source at one layer and seed (None where it has none), and its choices by what they were chosen from.

    ``columns`` are the chosen features, each once, and ``values`` (test nucleotides, columns) what they score there;
    ``shuffled`` is the same on shuffled RNAs.
    ``select_mcc`` is the split-half score that layers are compared by, NaN where there is nothing to compare;
    ``null`` comes from :func:`null_of_shifts`, and ``select_auroc`` is that of every feature (elements, features).
    """

    source: FeatureSource
    layer: int | None
    seed: int | None
    choices: dict[str, FeatureChoice] = field(default_factory=dict)
    values: NDArray[np.float32] = field(default_factory=lambda: np.empty((0, 0), dtype=np.float32))
    shuffled: NDArray[np.float32] = field(default_factory=lambda: np.empty((0, 0), dtype=np.float32))
    select_mcc: float = float("nan")
    null: Floats = field(default_factory=lambda: np.empty(0))
    select_auroc: Floats = field(default_factory=lambda: np.empty(0))

    @property
    def name(self) -> str:
        return self.source.name

    @property
    def role(self) -> Role:
        return self.source.role

    @property
    def columns(self) -> Integers:
        return np.unique(np.concatenate([choice.feature for choice in self.choices.values()]))

    def oriented(self, kind: str, rows: Integers) -> Floats:
        """(rows, elements): the chosen features with their signs on test."""
        return self._signed(kind, self.values[rows])

    def called(self, rows: Integers) -> Membership:
        """(rows, elements): whether the features chosen from all are active on test."""
        return self.oriented(ALL, rows) >= self.choices[ALL].threshold

    def called_shuffled(self, rows: Integers) -> Membership:
        """The same on shuffled RNAs."""
        return self._signed(ALL, self.shuffled[rows]) >= self.choices[ALL].threshold

    def _signed(self, kind: str, values: NDArray[np.float32]) -> Floats:
        choice = self.choices[kind]
        chosen = np.searchsorted(self.columns, choice.feature)
        return np.asarray(values[:, chosen] * choice.sign, dtype=np.float64)


def choose(
    entry: Entry,
    scores: Features,
    choosing: Choosing,
    subsets: Mapping[str, Integers],
    compare_layers: bool,
) -> None:
    """Fill in the choices of an entry: from all features, and from each of some subsets.

    Args:
        scores: (choosing rows, features).
        subsets: features to choose from, by the kind of choice.
        compare_layers: whether the split-half score is needed.
    """
    cuts = best_cuts(scores, choosing.member)
    kinds: dict[str, Integers | None] = {ALL: None, **subsets}
    entry.choices = {kind: cuts.choose(scores, choosing.member, own) for kind, own in kinds.items()}
    if compare_layers:
        entry.select_mcc = split_half_mcc(scores, choosing.member, choosing.half, choosing.headline)


def null_of_shifts(scores: Features, choosing: Choosing) -> Floats:
    """What the best of all features reaches by chance: (shifts, elements) of the largest MCC where labels are moved
    along the nucleotides, in a circle, so that they keep their runs."""
    items = len(choosing.member)
    shifts = np.random.default_rng(0).integers(items // 10, items - items // 10, SHIFTS)
    found = best_cuts_of_each(scores, [np.roll(choosing.member, int(shift), axis=0) for shift in shifts])
    return np.array([np.maximum(cuts.above, cuts.below).max(axis=1) for cuts in found])


def subsample(features: int, budget: int, number: int) -> Integers:
    """A seeded choice of as many features as every source has; ``number`` tells seeds apart."""
    return np.sort(np.random.default_rng([0, number]).permutation(features)[:budget])


def active_somewhere(scores: Features) -> NDArray[np.bool_]:
    """(features,): not zero on all rows."""
    if scipy.sparse.issparse(scores):
        return np.diff(scipy.sparse.csc_array(scores).indptr) > 0
    return np.asarray((np.asarray(scores) != 0).any(axis=0))


def choosing_rows(member: Membership, rna: Integers, units: Sequence[str], headline: Sequence[int]) -> Choosing:
    """At most :data:`CHOOSING_ROWS` nucleotides of select, drawn evenly, and halves of whole units.

    Args:
        member, rna: of all nucleotides of select.
        units: of each RNA: its family or cluster.
    """
    rows = np.arange(len(member))
    if len(rows) > CHOOSING_ROWS:
        rows = np.sort(np.random.default_rng(0).choice(rows, CHOOSING_ROWS, replace=False))
    first = choosing_half(Counter(units[index] for index in rna[rows]))
    half = np.array([units[index] in first for index in rna[rows]])
    return Choosing(rows, member[rows], half, tuple(headline))
