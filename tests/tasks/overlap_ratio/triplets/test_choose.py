from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations, permutations
from math import log, log2, sqrt
from pathlib import Path

import numpy as np
import pytest
from edlib import align
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from harness.datasets.records import Dataset, Record
from harness.errors import HarnessError, InputError
from harness.sequences.pairwise import global_identity, local_alignment
from tasks.overlap_ratio.triplets import choose, gate
from tasks.overlap_ratio.triplets.choose import TripletSets, find_triplets, mandatory_rows, score_triplets
from tasks.overlap_ratio.triplets.gate import balanced, single_sequence, together
from tasks.overlap_ratio.triplets.search import Kinship, Members, Tolerances, candidates, eligible
from tests.tasks.overlap_ratio.planted import dataset as dataset_of
from tests.tasks.overlap_ratio.planted import diverse


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return diverse()


@pytest.fixture(scope="module")
def sets(dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TripletSets]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HARNESS_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield find_triplets(dataset)


def records_of(sets: TripletSets, dataset: Dataset) -> list[Record]:
    known = {record.id: record for record in dataset.records}
    return [known[identifier] for identifier in sets.record_ids]


def slow_cosine(first: str, second: str, k: int = 6) -> float:
    one, two = (Counter(s[i : i + k] for i in range(len(s) - k + 1)) for s in (first, second))
    dot = sum(one[word] * two[word] for word in one)
    return dot / sqrt(sum(v * v for v in one.values()) * sum(v * v for v in two.values()))


def slow_identity(first: str, second: str) -> float:
    return 1 - align(first, second)["editDistance"] / max(len(first), len(second))


def within(sequences: list[str], tolerances: Tolerances, slack: float = 1e-6) -> bool:
    """Tier 1, slowly; ``slack`` is what rounding may move a value over or under a tolerance."""
    a, b, c = sequences
    lengths = [log(len(sequence)) for sequence in sequences]
    apart = sum(abs(b.count(letter) / len(b) - c.count(letter) / len(c)) for letter in "ACGU")
    return (
        abs(slow_cosine(a, b) - slow_cosine(a, c)) <= tolerances.cosine + slack
        and max(lengths) - min(lengths) <= tolerances.log_length + slack
        and apart <= tolerances.composition + slack
    )


def test_every_triplet_is_within_the_tolerances(sets: TripletSets, dataset: Dataset) -> None:
    records = records_of(sets, dataset)
    for tier in (sets.tier1, sets.tier2):
        assert tier.factor == 1
        assert len(tier.triplets) > 100
        for (a, b, c), family in zip(tier.triplets.tolist(), tier.families, strict=True):
            assert records[a].family == records[b].family == family != records[c].family
            assert len({records[i].sequence for i in (a, b, c)}) == 3
            assert within([records[i].sequence for i in (a, b, c)], Tolerances())
    for a, b, c in sets.tier2.triplets.tolist():
        first, second = (slow_identity(records[a].sequence, records[other].sequence) for other in (b, c))
        assert abs(first - second) <= 0.02 + 1e-6


def test_triplets_are_distinct_capped_and_of_records_in_order(sets: TripletSets) -> None:
    for tier in (sets.tier1, sets.tier2):
        assert len({tuple(row) for row in tier.triplets.tolist()}) == len(tier.triplets)
        assert max(Counter(tier.families).values()) <= 20
    used = np.unique(np.concatenate([sets.tier1.triplets, sets.tier2.triplets]))
    assert used.tolist() == list(range(len(sets.record_ids)))
    assert list(sets.record_ids) == sorted(set(sets.record_ids))


def test_no_family_meets_a_relative(sets: TripletSets, dataset: Dataset) -> None:
    members: defaultdict[str | None, list[str]] = defaultdict(list)
    for record in dataset.records:
        members[record.family].append(record.sequence)
    records = records_of(sets, dataset)
    rows = np.concatenate([sets.tier1.triplets, sets.tier2.triplets]).tolist()
    for first, second in {(records[a].family, records[c].family) for a, _, c in rows}:
        assert all(slow_identity(one, two) < 0.60 for one in members[first] for two in members[second])


def test_a_model_that_knows_the_family_is_right(sets: TripletSets, dataset: Dataset) -> None:
    family = np.array([record.family for record in records_of(sets, dataset)])
    noise = np.random.default_rng(0)
    scores = score_triplets(sets, lambda pairs: (family[pairs[:, 0]] == family[pairs[:, 1]]) + noise.random(len(pairs)))
    blind = score_triplets(sets, lambda pairs: noise.random(len(pairs)))
    for right, guessed, tier in (
        (scores.tier1, blind.tier1, sets.tier1),
        (scores.tier2, blind.tier2, sets.tier2),
    ):
        assert right is not None and guessed is not None
        assert right.value == 1
        assert right.n == len(set(tier.families))
        assert abs(guessed.value - 0.5) < 0.08
    assert scores.triplets == (len(sets.tier1.triplets), len(sets.tier2.triplets))
    assert [set(own) for own in scores.by_family] == [set(sets.tier1.families), set(sets.tier2.families)]
    assert set(scores.by_family[0].values()) == {1}


def test_ties_are_a_half_and_every_family_weighs_the_same(sets: TripletSets, dataset: Dataset) -> None:
    tie = score_triplets(sets, lambda pairs: np.ones(len(pairs)))
    assert tie.tier1 is not None and tie.tier1.value == 0.5 and tie.tier1.interval().low == 0.5
    values = np.random.default_rng(1).random((len(sets.record_ids),) * 2)
    scores = score_triplets(sets, lambda pairs: values[pairs[:, 0], pairs[:, 1]])
    own: defaultdict[str, list[float]] = defaultdict(list)
    for (a, b, c), family in zip(sets.tier1.triplets.tolist(), sets.tier1.families, strict=True):
        own[family].append(float(values[a, b] > values[a, c]))
    assert scores.tier1 is not None
    assert scores.by_family[0] == pytest.approx({family: np.mean(won) for family, won in own.items()})
    assert scores.tier1.value == pytest.approx(np.mean([np.mean(won) for won in own.values()]))


def test_simple_measures_are_at_chance_and_alignment_is_not_in_tier_1(sets: TripletSets, dataset: Dataset) -> None:
    rows = mandatory_rows(sets, dataset)
    assert set(rows) == {f"kmer-{k}" for k in range(1, 7)} | {
        "length", "family-size", "identity", "local-alignment", "single-sequence", "together"
    }  # fmt: skip
    for number, tier in enumerate((sets.tier1, sets.tier2)):
        assert tier.passed
        for name, row in rows.items():
            estimate = (row.tier1, row.tier2)[number]
            assert estimate is not None
            assert estimate.value == pytest.approx(tier.rows[name], abs=1e-12)
            if name in tier.gated:
                assert abs(estimate.value - 0.5) <= 0.03
    assert set(sets.tier2.gated) - set(sets.tier1.gated) == {"identity", "local-alignment"}
    assert sets.tier1.rows["identity"] > 0.65
    assert sets.tier1.rows["local-alignment"] > 0.6


@pytest.mark.parametrize("name", ["kmer-1", "kmer-4", "kmer-6", "identity", "local-alignment"])
def test_rows_are_the_scores_of_the_models_of_that_name(name: str, sets: TripletSets, dataset: Dataset) -> None:
    records = records_of(sets, dataset)

    def similarity(pairs: NDArray[np.int64]) -> NDArray[np.float64]:
        sequences = [(records[i].sequence, records[j].sequence) for i, j in pairs]
        if name.startswith("kmer"):
            return np.array([round(slow_cosine(*pair, k=int(name[-1])), 6) for pair in sequences])
        score = global_identity if name == "identity" else local_alignment
        return np.array([score(*pair) for pair in sequences])

    scores = score_triplets(sets, similarity)
    assert scores.tier1 is not None and scores.tier2 is not None
    assert scores.tier1.value == pytest.approx(sets.tier1.rows[name], abs=2e-3)
    assert scores.tier2.value == pytest.approx(sets.tier2.rows[name], abs=2e-3)


def test_candidates_are_all_there_are(dataset: Dataset) -> None:
    members = eligible(dataset_of([record for record in dataset.records if (record.family or "") < "F07"]))
    loose = Tolerances(0.02, 0.03, 0.2)
    found = np.concatenate(list(candidates(members, loose, 0)))
    triplets = [
        (a, b, c)
        for a, b, c in permutations(range(len(members.ids)), 3)
        if members.family[a] == members.family[b] != members.family[c]
    ]
    sure, possible = (
        {(a, b, c) for a, b, c in triplets if within([members.sequences[i] for i in (a, b, c)], loose, slack)}
        for slack in (-1e-6, 1e-6)
    )
    assert len(sure) > 100
    assert sure <= {tuple(row) for row in found.tolist()} <= possible


def test_what_can_be_part_of_a_triplet() -> None:
    generator = np.random.default_rng(0)
    made = ["".join(generator.choice(list("ACGU"), 40)) for _ in range(20)]
    of_family = {
        "three": made[:3],
        "two and a copy": [*made[3:5], made[4]],
        "short": [*made[5:7], made[7][:29]],
        "long": [*made[8:10], made[10] * 13],
        "unknown letters": [*made[11:13], made[13][:-1] + "N"],
        "low complexity": [*made[14:16], "A" * 30 + "CG" * 5],
        "just enough": [*made[16:18], made[18][:30]],
    }
    records = [
        Record(f"{family} {number}", sequence, family)
        for family, sequences in of_family.items()
        for number, sequence in enumerate(sequences)
    ]
    members = eligible(dataset_of([*records, Record("of no family", made[19])]))
    assert members.families == ("just enough", "three")
    assert [len(sequence) for sequence in members.sequences] == [30, 40, 40, 40, 40, 40]
    shares = [members.sequences[0].count(letter) / 30 for letter in "ACGU"]
    assert members.entropy[0] == pytest.approx(-sum(share * log2(share) for share in shares))
    assert members.size.tolist() == [3] * 6


def test_relatives_are_known_by_clan_by_place_and_by_likeness() -> None:
    generator = np.random.default_rng(0)

    def sequence() -> str:
        return "".join(generator.choice(list("ACGU"), 200))

    near = sequence()
    records = [
        Record("A|X1.1/100-200", near, "A"),
        Record("B|X1.2/250-200", sequence(), "B"),  # version and strand do not matter, one nucleotide is enough
        Record("C|X1.1/251-300", sequence(), "C"),
        Record("D|X2.1/100-200", near[:120] + sequence()[:80], "D"),
        Record("E|X3.1/1-9", sequence(), "E", clan="clan"),
        Record("F|X3.1/10-19", sequence(), "F", clan="clan"),
        Record("G", near[:160], "G"),
    ]
    letters = "ABCDEFG"
    kinship = Kinship(dataset_of(records), tuple(letters))
    related = {
        one + two for one, two in combinations(letters, 2) if kinship.related(letters.index(one), letters.index(two))
    }
    assert slow_identity(records[3].sequence, records[6].sequence) >= 0.60 > slow_identity(near, records[1].sequence)
    assert related == {"AB", "AD", "AG", "DG", "EF"}
    assert kinship.related(letters.index("B"), letters.index("A"))


def test_records_in_any_order_give_the_same_triplets(
    dataset: Dataset, sets: TripletSets, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "elsewhere"))
    again = find_triplets(dataset_of(list(reversed(dataset.records))))
    assert again.record_ids == sets.record_ids
    for one, other in ((sets.tier1, again.tier1), (sets.tier2, again.tier2)):
        np.testing.assert_array_equal(one.triplets, other.triplets)
        assert replace(one, triplets=0) == replace(other, triplets=0)  # type: ignore[arg-type]
    with monkeypatch.context() as patch:
        patch.setattr(choose, "eligible", lambda dataset: pytest.fail("the triplets were made again"))
        kept = find_triplets(dataset)
    assert kept.record_ids == sets.record_ids
    np.testing.assert_array_equal(kept.tier2.triplets, sets.tier2.triplets)
    assert replace(kept.tier1, triplets=0) == replace(sets.tier1, triplets=0)  # type: ignore[arg-type]
    (file,) = (tmp_path / "elsewhere" / "triplets").iterdir()
    for damage in (file.read_bytes()[:500], b"", b"nothing"):
        file.write_bytes(damage)
        assert choose._load(file) is None
    other_seed = find_triplets(dataset, seed=1)
    assert not np.array_equal(other_seed.tier1.triplets, sets.tier1.triplets)


def test_a_gate_that_fails_tightens_the_tolerances_and_says_so(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path))
    monkeypatch.setattr(gate, "balanced", lambda families, signs: np.arange(len(families)))
    tried = []
    attempt = choose._attempt

    def watched(members: Members, kinship: Kinship, factor: float, seed: int) -> list[choose.Tier]:
        tried.append((factor, attempt(members, kinship, factor, seed)))
        return tried[-1][1]

    monkeypatch.setattr(choose, "_attempt", watched)
    sets = find_triplets(dataset)
    assert [factor for factor, _ in tried] == [1, 0.7, 0.5]
    for number, tier in enumerate((sets.tier1, sets.tier2)):
        assert not tier.passed
        assert tier.worst == min(attempts[number].worst for _, attempts in tried)
        line = sets.describe()[number]
        assert "gate 0.50 ± 0.03 FAILED" in line
        assert ("tightened" in line) == (tier.factor < 1)


def test_a_dataset_without_triplets_has_no_scores(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path))
    for records in ([Record("alone", "ACGU" * 10)], list(diverse().records[:6])):
        sets = find_triplets(dataset_of(records))
        scores = score_triplets(sets, lambda pairs: np.zeros(len(pairs)))
        assert (scores.tier1, scores.tier2, scores.triplets, scores.by_family) == (None, None, (0, 0), ({}, {}))
        assert "no triplets" in sets.describe()[0]
        assert not sets.tier1.passed
        assert mandatory_rows(sets, dataset_of(records))["identity"].tier1 is None


def test_similarities_that_are_none(sets: TripletSets) -> None:
    with pytest.raises(HarnessError, match=r"the similarity of 'F\d\d\|.*' and .* is not a finite number"):
        score_triplets(sets, lambda pairs: np.where(np.arange(len(pairs)) == 7, np.nan, 0.0))
    with pytest.raises(HarnessError, match=r"shape \(1,\) for"):
        score_triplets(sets, lambda pairs: np.zeros(1))


def test_triplets_of_another_dataset_are_refused(sets: TripletSets, dataset: Dataset) -> None:
    with pytest.raises(InputError, match="is not in the dataset"):
        mandatory_rows(sets, dataset_of(list(dataset.records[:60])))


@settings(max_examples=40)
@given(st.integers(0, 10**6), st.integers(10, 30), st.integers(1, 5))
def test_what_is_balanced_is_balanced(seed: int, families: int, rows: int) -> None:
    generator = np.random.default_rng(seed)
    family = np.concatenate([np.arange(families), generator.integers(0, families, 300)])
    signs = generator.choice([-1.0, 0.0, 1.0], (len(family), rows), p=[0.3, 0.1, 0.6])
    chosen = balanced(family, signs)
    assert len(set(chosen.tolist())) == len(chosen)
    counts = Counter(family[chosen].tolist())
    assert not counts or (len(counts) >= 10 and max(counts.values()) <= 20)
    means = [np.mean(signs[chosen][family[chosen] == own], axis=0) for own in counts]
    assert not means or np.abs(np.mean(means, axis=0)).max() <= 2 * 0.01 + 1e-9


def test_a_family_that_nothing_balances_is_left_out() -> None:
    family = np.repeat(np.arange(12), 30)
    signs = np.tile([[1.0, 0.0], [-1.0, 0.0]], (180, 1))
    signs[-60:, 1] = 1
    assert set(family[balanced(family, signs)]) == set(range(10))
    signs[-90:, 1] = 1
    assert len(balanced(family, signs)) == 0  # nine families are left
    assert len(balanced(np.empty(0, np.int64), np.empty((0, 3)))) == 0


def test_the_classifiers_find_what_there_is_and_nothing_else() -> None:
    generator = np.random.default_rng(0)
    records = [
        Record(f"{family} {number}", "".join(generator.choice(list("ACGU"), 60 + number)), f"F{family:02}")
        for family in range(30)
        for number in range(9)
    ]
    members = Members.of(records)
    rows = np.arange(270).reshape(30, 9)
    a, b = np.repeat(rows[:, :3], 3, axis=1), np.tile(rows[:, 6:], 3)
    decoy = generator.permuted(np.tile(rows[:, 3:6], 3), axis=0)
    longer = np.stack([a.ravel(), b.ravel(), decoy.ravel()], axis=1)
    assert (single_sequence(members, longer) > 0).mean() > 0.95
    swapped = generator.random(len(longer)) < 0.5
    alike = np.where(swapped[:, None], longer[:, [0, 2, 1]], longer)
    assert 0.35 < (single_sequence(members, alike) > 0).mean() < 0.65
    families = members.family[longer[:, 0]]
    signal = generator.normal(size=len(longer))
    hidden = [signal + 0.3, -signal + 0.3]  # neither is far above a half, their sum always is
    assert (together(families, hidden) > 0).mean() > 0.95
    assert 0.35 < (together(families, [generator.normal(size=len(longer)) for _ in range(3)]) > 0).mean() < 0.65
