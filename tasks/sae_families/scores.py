"""Family scores of feature sources: chosen on select, scored once on test, with paired bootstrap draws."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from harness.adapter import Role
from harness.statistics.bootstrap import stratified_cluster_weights
from tasks.sae.concepts.choice import (
    HeldOutScores,
    Selection,
    best_threshold,
    held_out_scores,
    select_features,
    split_half_score,
)
from tasks.sae.concepts.macro import Macro, macro_interval
from tasks.sae.concepts.membership import Floats, Integers
from tasks.sae.concepts.probes import probe_scores
from tasks.sae.sequence_scores import ScoredSource


@dataclass(frozen=True)
class Items:
    """The scored sequences: rows and family labels of select and of test, and the bootstrap draws over test."""

    families: tuple[str, ...]
    select: Integers
    select_labels: Integers
    test: Integers
    test_labels: Integers
    draws: int

    @cached_property
    def weights(self) -> Floats:
        """(draws, test sequences); one sequence stands for one cluster. The same for every model and source."""
        return stratified_cluster_weights(self.test_labels.tolist(), self.test.tolist(), self.draws)

    @property
    def count(self) -> int:
        return len(self.families)


@dataclass(frozen=True)
class Contest:
    """One seed of a source: its scores on both splits, (sequences, candidates) each, and what its candidates are."""

    seed: int | None
    select: NDArray[np.floating]
    test: NDArray[np.floating]
    feature_name: Callable[[int], str]

    @classmethod
    def of(cls, entry: ScoredSource, items: Items, aggregation: str | None = None) -> Contest:
        select, test = (entry.matrix(rows, aggregation) for rows in (items.select, items.test))
        return cls(entry.seed, select, test, entry.feature_name)

    def columns(self, chosen: Integers) -> Contest:
        """The same with some of the candidates."""
        names = self.feature_name
        return Contest(self.seed, self.select[:, chosen], self.test[:, chosen], lambda k: names(int(chosen[k])))


@dataclass(frozen=True)
class SeedScores:
    """What one seed of a source chose on select, and how that does on test."""

    contest: Contest
    selection: Selection
    held_out: HeldOutScores

    @property
    def candidates(self) -> int:
        return int(self.contest.test.shape[1])

    @property
    def oriented(self) -> Floats:
        """(test sequences, families): the chosen features with their signs."""
        return self.selection.oriented(self.contest.test)


@dataclass(frozen=True)
class SourceScores:
    """All seeds of a source at one layer, and their macro scores with draws."""

    name: str
    role: Role
    seeds: tuple[SeedScores, ...]
    macro: Macro

    @property
    def coverage(self) -> Floats:
        """(families,): share of seeds in which a family is covered."""
        return np.mean([seed.held_out.covered for seed in self.seeds], axis=0)

    def family_mean(self, name: str) -> Floats:
        """Mean over seeds of a field of the test scores, (families,)."""
        return np.mean([getattr(seed.held_out, name) for seed in self.seeds], axis=0)


def score_source(entries: Sequence[ScoredSource], items: Items, aggregation: str | None = None) -> SourceScores:
    """Score the seeds of one source at one layer; ``aggregation`` None is the headline."""
    contests = [Contest.of(entry, items, aggregation) for entry in entries]
    return _select_and_score(entries[0].name, entries[0].role, contests, items)


def score_subsample(source: SourceScores, items: Items, candidates: int, seed: int = 0) -> SourceScores:
    """The same source with a seeded subsample of its candidates: sources compete with equal search budgets."""
    contests = []
    for number, scored in enumerate(source.seeds):
        order = np.random.default_rng([seed, number]).permutation(scored.candidates)
        contests.append(scored.contest.columns(order[:candidates]))
    return _select_and_score(source.name, source.role, contests, items)


def select_score(source: SourceScores, items: Items) -> float:
    """Split-half macro AUROC on select, mean over seeds: what layers are compared by without looking at test."""
    halves = [split_half_score(seed.contest.select, items.select_labels, items.count) for seed in source.seeds]
    return float(np.mean(halves))


def _select_and_score(name: str, role: Role, contests: Sequence[Contest], items: Items) -> SourceScores:
    selections = [select_features(contest.select, items.select_labels, items.count) for contest in contests]
    return _assemble(name, role, contests, selections, items)


def score_dense_probe(means: NDArray[np.float32], items: Items) -> SourceScores:
    """The reference: one-versus-rest logistic regression on the mean hidden state, fitted on select.

    ``means`` (scored sequences, width). A probe separates what it was fitted on: its scores on select say nothing.
    """
    fit, held = means[items.select], means[items.test]
    decisions = [
        (probe_scores(fit, positive, fit), probe_scores(fit, positive, held))
        for positive in (items.select_labels == family for family in range(items.count))
    ]
    own, test = (np.column_stack(columns) for columns in zip(*decisions, strict=True))
    cuts = [best_threshold(own[:, c], items.select_labels == c) for c in range(items.count)]
    threshold, mcc = np.array(cuts).T
    unknown = np.full(items.count, np.nan)
    selection = Selection(np.arange(items.count), np.ones(items.count, dtype=int), threshold, unknown, mcc)
    contest = Contest(None, own, test, lambda family: f"probe of {items.families[family]}")
    return _assemble("dense-probe", "reference", [contest], [selection], items)


def _assemble(
    name: str,
    role: Role,
    contests: Sequence[Contest],
    selections: Sequence[Selection],
    items: Items,
) -> SourceScores:
    tests = [contest.test for contest in contests]
    seeds = tuple(
        SeedScores(contest, selection, held_out_scores(selection, contest.test, items.test_labels))
        for contest, selection in zip(contests, selections, strict=True)
    )
    macro = macro_interval(tests, selections, items.test_labels, items.weights)
    return SourceScores(name, role, seeds, macro)
