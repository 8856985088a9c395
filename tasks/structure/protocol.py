"""The passes of a cell: validation twice (all heads, then the best again) and test once, one layer at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.statistics.bootstrap import cluster_weights
from harness.storage.kept import Arrays
from harness.task import CellContext
from tasks.structure.counts import Floats, Tally, count, exact_threshold
from tasks.structure.data import Rna, StructureData
from tasks.structure.decoding import choose_threshold
from tasks.structure.kinds import BASE_PAIRS
from tasks.structure.maps import Indices, Scores
from tasks.structure.scoring import Show
from tasks.structure.selection import Choice, GroupCounts, best, shortlist

SELECTION_SEED, TEST_SEED = 1, 0


@dataclass(frozen=True)
class HeadSelection:
    """What validation decides. ``wide`` is the choice on train and validation together; ``draws`` those of the
    bootstrap over validation RNAs. ``matched`` is NaN for contacts."""

    heads: list[tuple[int, int]]
    f1: Floats
    chosen: Choice
    wide: Choice | None
    draws: list[Choice]
    exact: float
    matched: float

    def frequency(self) -> Counter[tuple[int, int]]:
        """How many draws chose each head."""
        return Counter((choice.layer, choice.head) for choice in self.draws)

    @property
    def options(self) -> list[Choice]:
        """Every distinct choice, the one made first."""
        return list(dict.fromkeys([self.chosen, *([self.wide] if self.wide else []), *self.draws]))


@dataclass
class HeldOut:
    """Test RNAs under every head (pooled), under every option (by RNA), and scores of the chosen head."""

    heads: Tally
    scores: list[Scores]
    options: list[Choice]
    true_positives: Indices
    predicted: Indices


def tally(show: Show, rnas: Sequence[Rna], context: CellContext, label: str) -> Tally:
    """Counts of every head at every threshold, pooled over RNAs; kept under the ``label``."""

    def compute() -> Arrays:
        pooled = Tally()

        def visit(index: int, layer: int, scores: Scores) -> None:
            pooled.add(layer, count(scores, rnas[index].known))

        show(rnas, visit, label)
        return pooled.arrays()

    return Tally.of(context.kept(label, compute))


def select(show: Show, data: StructureData, draws: int, context: CellContext) -> HeadSelection:
    """Choose head and threshold by F1 pooled over validation RNAs; then once more with what surrounds the choice."""
    with context.phase("validation"):
        pooled = tally(show, data.select, context, "validation")
    values = pooled.f1(known_pairs(data.select))
    chosen, wide = best(pooled.heads, values), None
    if data.train:
        with context.phase("train"):
            both = pooled + tally(show, data.train, context, "train")
        wide = best(both.heads, both.f1(known_pairs(data.select) + known_pairs(data.train)))

    groups = GroupCounts(shortlist(pooled.heads, values), data.select)

    def count_groups() -> Arrays:
        scores = _no_scores(data.select)

        def visit(index: int, layer: int, own: Scores) -> None:
            groups.add(index, layer, own, data.select[index].known)
            if layer == chosen.layer:
                scores[index] = own[chosen.head].copy()

        show(data.select, visit, "best heads")
        counts = {"true positives": groups.true_positives, "predicted": groups.predicted}
        return {"scores": np.concatenate(scores)} | counts

    with context.phase("validation of the best heads"):
        kept = context.kept("best heads", count_groups)
        groups.true_positives, groups.predicted = kept["true positives"], kept["predicted"]
        scores = _by_rna(kept["scores"], data.select)
    with context.phase("thresholds"):
        weights = cluster_weights(range(len(groups.known)), draws, SELECTION_SEED)
        known = [own[rna.known] for rna, own in zip(data.select, scores, strict=True)]
        return HeadSelection(
            heads=pooled.heads,
            f1=values,
            chosen=chosen,
            wide=wide,
            draws=groups.choices(weights),
            exact=exact_threshold(np.concatenate(scores), np.concatenate(known)),
            matched=choose_threshold(data.select, scores) if data.select[0].kind is BASE_PAIRS else np.nan,
        )


def score_test(
    show: Show, rnas: Sequence[Rna], options: Sequence[Choice], context: CellContext, label: str = "test"
) -> HeldOut:
    """One pass over the test RNAs, kept under the ``label``; ``options[0]`` is the choice whose scores are kept."""
    heads, steps, layers = (np.array([getattr(own, name) for own in options]) for name in ("head", "step", "layer"))

    def compute() -> Arrays:
        pooled, scores = Tally(), _no_scores(rnas)
        reached = np.zeros((2, len(rnas), len(options)), np.int64)

        def visit(index: int, layer: int, found: Scores) -> None:
            counts = count(found, rnas[index].known)
            pooled.add(layer, counts)
            own = np.flatnonzero(layers == layer)
            for part, of_heads in zip(reached, counts, strict=True):
                part[index, own] = of_heads[heads[own], steps[own]]
            if layer == options[0].layer:
                scores[index] = found[options[0].head].copy()

        show(rnas, visit, label)
        return pooled.arrays() | {"scores": np.concatenate(scores), "options": reached}

    with context.phase("test"):
        kept = context.kept(label, compute)
    return HeldOut(Tally.of(kept), _by_rna(kept["scores"], rnas), list(options), *kept["options"])


def known_pairs(rnas: Sequence[Rna]) -> int:
    return sum(len(rna.known) for rna in rnas)


def _no_scores(rnas: Sequence[Rna]) -> list[Scores]:
    return [np.zeros(rna.pairs, dtype=np.float32) for rna in rnas]


def _by_rna(scores: Scores, rnas: Sequence[Rna]) -> list[Scores]:
    """The scores of all RNAs, one after the other, as one array for each."""
    return np.split(scores, np.cumsum([rna.pairs for rna in rnas])[:-1])
