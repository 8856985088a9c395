"""The embedded mutational scans: what is planted in them, and that letters alone do not give it away."""

from __future__ import annotations

from collections import Counter
from itertools import combinations

import numpy as np
import pytest
from scipy.stats import spearmanr

from harness.datasets.records import Dataset, Record
from harness.datasets.resolve import load_dataset
from harness.datasets.variants.mutations import between
from harness.datasets.variants.simulated import ASSAYS, NOISE, effect

CANONICAL = {"AU", "UA", "GC", "CG", "GU", "UG"}


@pytest.fixture(scope="module")
def data() -> Dataset:
    return load_dataset("hairpin-scans")


def broken(record: Record) -> int:
    return sum(record.sequence[i] + record.sequence[j] not in CANONICAL for i, j in record.pairs)


def in_stem(record: Record) -> bool:
    paired = {place for pair in record.pairs for place in pair}
    return bool(paired & {own.position for own in between(record.variant.wild_type, record.sequence)})


def test_is_the_same_on_every_machine(data: Dataset) -> None:
    assert data.fingerprint == "760be585df40bc3d" and data.card.simulated and len(data.records) == 120 * ASSAYS


def test_wild_types_are_hairpins_of_equal_composition(data: Dataset) -> None:
    wild_types = {r.variant.wild_type: r for r in data.records}
    assert len(wild_types) == ASSAYS
    for wild_type, record in wild_types.items():
        pairs = Counter(wild_type[i] + wild_type[j] for i, j in record.pairs)
        assert pairs == {"AU": 3, "UA": 3, "GC": 3, "CG": 3} and set(Counter(wild_type).values()) == {9}
        assert min(j - i for i, j in record.pairs) > 3
    for first, second in combinations(wild_types, 2):
        assert sum(a == b for a, b in zip(first, second, strict=True)) < 0.6 * len(first)


def test_scores_are_the_effects_and_noise(data: Dataset) -> None:
    noises = []
    for record in data.records:
        count = len(between(record.variant.wild_type, record.sequence))
        noises.append(record.variant.score - effect(broken(record), count))
    assert max(map(abs, noises)) <= NOISE + 1e-4 and abs(np.mean(noises)) < 0.01 and np.std(noises) > 0.05


def test_kinds_share_their_substitutions(data: Dataset) -> None:
    """Of each assay and number of mutations, every kind makes the same substitutions, so that letters tell nothing."""
    for assay in data.families:
        for count in (1, 2):
            kinds: dict[tuple[bool, int], Counter[tuple[str, ...]]] = {}
            for record in data.records:
                mutations = between(record.variant.wild_type, record.sequence)
                if record.family == assay and len(mutations) == count:
                    key = (in_stem(record), broken(record))
                    letters = tuple(sorted(own.before + own.after for own in mutations))
                    kinds.setdefault(key, Counter())[letters] += 1
            assert len(kinds) == count + 1
            first, *others = kinds.values()
            assert all(other == first for other in others)


def test_what_a_perfect_predictor_and_the_floors_reach(data: Dataset) -> None:
    """Noise keeps a perfect predictor below 1; counting mutations is worth little, and GC content nothing."""
    reached: dict[str, list[float]] = {"perfect": [], "count": [], "gc": []}
    for assay in data.families:
        own = [r for r in data.records if r.family == assay]
        scores = [r.variant.score for r in own]
        counts = [len(between(r.variant.wild_type, r.sequence)) for r in own]
        perfect = [effect(broken(r), count) for r, count in zip(own, counts, strict=True)]
        gc = [r.sequence.count("G") + r.sequence.count("C") for r in own]
        for name, values in (("perfect", perfect), ("count", [-count for count in counts]), ("gc", gc)):
            reached[name].append(spearmanr(values, scores).statistic)
    assert 0.85 < np.mean(reached["perfect"]) < 0.95
    assert abs(np.mean(reached["count"])) < 0.15 and abs(np.mean(reached["gc"])) < 0.05
