"""Family scores of feature sources: chosen on select, scored once on test, with paired bootstrap draws."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from harness.adapter import Role
from harness.statistics.bootstrap import stratified_cluster_weights
from tasks.sae.aggregate import HEADLINES
from tasks.sae.concepts.choice import (
    FeatureChoice,
    HeldOutScores,
    best_threshold,
    held_out_scores,
    select_features,
    split_half_score,
)
from tasks.sae.concepts.macro_scores import MacroScores, macro_scores
from tasks.sae.concepts.membership import Floats, Integers, Membership, one_label_each
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

    @cached_property
    def select_member(self) -> Membership:
        """(select sequences, families)."""
        return one_label_each(self.select_labels, self.count)

    @cached_property
    def test_member(self) -> Membership:
        """(test sequences, families)."""
        return one_label_each(self.test_labels, self.count)

    @property
    def count(self) -> int:
        return len(self.families)


@dataclass(frozen=True)
class CandidateScores:
    """One seed of a source: its scores on both splits, (sequences, candidates) each, and what its candidates are."""

    seed: int | None
    select: NDArray[np.floating]
    test: NDArray[np.floating]
    feature_name: Callable[[int], str]

    @classmethod
    def of(cls, entry: ScoredSource, items: Items) -> CandidateScores:
        select, test = (entry.matrix(rows) for rows in (items.select, items.test))
        return cls(entry.seed, select, test, entry.feature_name)

    def columns(self, chosen: Integers) -> CandidateScores:
        """The same with some of the candidates."""
        names = self.feature_name
        return CandidateScores(self.seed, self.select[:, chosen], self.test[:, chosen], lambda k: names(int(chosen[k])))


@dataclass(frozen=True)
class SeedScores:
    """What one seed of a source chose on select, and how that does on test."""

    scores: CandidateScores
    choice: FeatureChoice
    held_out: HeldOutScores

    @property
    def candidates(self) -> int:
        return int(self.scores.test.shape[1])

    @property
    def oriented(self) -> Floats:
        """(test sequences, families): the chosen features with their signs."""
        return self.choice.oriented(self.scores.test)


@dataclass(frozen=True)
class SourceScores:
    """All seeds of a source at one layer, and their macro scores with draws."""

    name: str
    role: Role
    seeds: tuple[SeedScores, ...]
    macro: MacroScores

    @property
    def coverage(self) -> Floats:
        """(families,): share of seeds in which a family is covered."""
        return np.mean([seed.held_out.covered for seed in self.seeds], axis=0)

    def family_mean(self, name: str) -> Floats:
        """Mean over seeds of a field of the test scores, (families,)."""
        return np.mean([getattr(seed.held_out, name) for seed in self.seeds], axis=0)


def score_source(entries: Sequence[ScoredSource], items: Items) -> SourceScores:
    """Score the seeds of one source at one layer, by their headline."""
    all_scores = [CandidateScores.of(entry, items) for entry in entries]
    return _select_and_score(entries[0].name, entries[0].role, all_scores, items)


def score_subsample(source: SourceScores, items: Items, candidates: int, seed: int = 0) -> SourceScores:
    """The same source with a seeded subsample of its candidates: sources compete with equal search budgets."""
    all_scores = []
    for number, scored in enumerate(source.seeds):
        order = np.random.default_rng([seed, number]).permutation(scored.candidates)
        all_scores.append(scored.scores.columns(order[:candidates]))
    return _select_and_score(source.name, source.role, all_scores, items)


def score_stable(source: SourceScores, stable: NDArray[np.bool_], items: Items) -> SourceScores | None:
    """The same source with its stable features alone as candidates; None where a seed has none.

    ``stable``: (seeds, candidates).
    """
    if not stable.any(axis=1).all():
        return None
    pairs = zip(source.seeds, stable, strict=True)
    all_scores = [scored.scores.columns(np.flatnonzero(own)) for scored, own in pairs]
    return _select_and_score(source.name, source.role, all_scores, items)


def aggregation_scores(
    entries: Iterable[ScoredSource], items: Items, aggregations: Sequence[str] = HEADLINES
) -> dict[str, float]:
    """What each aggregation is worth to all sources alike: the split-half macro AUROC on select, mean over sources.

    Every source counts once, whatever its number of seeds and layers: the choice is not the one that suits the
    autoencoders best.
    """
    by_name: dict[str, list[ScoredSource]] = {}
    for entry in entries:
        by_name.setdefault(entry.name, []).append(entry)
    return {
        aggregation: float(
            np.mean(
                [
                    np.mean(
                        [
                            split_half_score(entry.scored_by(aggregation).matrix(items.select), items.select_member)
                            for entry in own
                        ]
                    )
                    for own in by_name.values()
                ]
            )
        )
        for aggregation in aggregations
    }


def select_score(source: SourceScores, items: Items) -> float:
    """Split-half macro AUROC on select, mean over seeds: what layers are compared by without looking at test."""
    halves = [split_half_score(seed.scores.select, items.select_member) for seed in source.seeds]
    return float(np.mean(halves))


def _select_and_score(name: str, role: Role, all_scores: Sequence[CandidateScores], items: Items) -> SourceScores:
    choices = [select_features(scores.select, items.select_member) for scores in all_scores]
    return _assemble(name, role, all_scores, choices, items)


def score_dense_probe(means: NDArray[np.float32], items: Items) -> SourceScores:
    """The reference: one-versus-rest logistic regression on the mean hidden state, fitted on select.

    ``means`` (scored sequences, width). A probe separates what it was fitted on: its scores on select say nothing.
    """
    fit, held = means[items.select], means[items.test]
    decisions = [
        (probe_scores(fit, positive, fit), probe_scores(fit, positive, held)) for positive in items.select_member.T
    ]
    own, test = (np.column_stack(columns) for columns in zip(*decisions, strict=True))
    cuts = [best_threshold(own[:, c], items.select_member[:, c]) for c in range(items.count)]
    threshold, mcc = np.array(cuts).T
    unknown = np.full(items.count, np.nan)
    choice = FeatureChoice(np.arange(items.count), np.ones(items.count, dtype=int), threshold, unknown, mcc)
    scores = CandidateScores(None, own, test, lambda family: f"probe of {items.families[family]}")
    return _assemble("dense-probe", "reference", [scores], [choice], items)


def _assemble(
    name: str,
    role: Role,
    all_scores: Sequence[CandidateScores],
    choices: Sequence[FeatureChoice],
    items: Items,
) -> SourceScores:
    tests = [scores.test for scores in all_scores]
    seeds = tuple(
        SeedScores(scores, choice, held_out_scores(choice, scores.test, items.test_member))
        for scores, choice in zip(all_scores, choices, strict=True)
    )
    macro = macro_scores(tests, choices, items.test_member, items.weights)
    return SourceScores(name, role, seeds, macro)
