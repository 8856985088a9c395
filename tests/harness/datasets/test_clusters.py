"""Greedy clusters against a brute force that aligns every pair with a textbook dynamic programme."""

from __future__ import annotations

import random
from collections import defaultdict
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.datasets import clusters as module
from harness.datasets.clusters import clusters, greedy, kin
from harness.datasets.records import Dataset, DatasetCard, Record, build_dataset
from harness.datasets.resolve import load_dataset
from harness.errors import InputError


def distance(first: str, second: str) -> int:
    """Edit distance, row by row."""
    row = list(range(len(second) + 1))
    for i, a in enumerate(first, 1):
        previous, row[0] = row[0], i
        for j, b in enumerate(second, 1):
            previous, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, previous + (a != b))
    return row[-1]


def brute_force(sequences: list[str], identity: float) -> list[int]:
    found: list[int] = []
    for index, sequence in enumerate(sequences):
        leaders = [i for i in sorted(set(found)) if identity * 1000 <= 1000 * similarity(sequences[i], sequence) + 1e-6]
        found.append(leaders[0] if leaders else index)
    return found


def similarity(first: str, second: str) -> float:
    return 1 - distance(first, second) / max(len(first), len(second))


def dataset(*sequences: str) -> Dataset:
    return build_dataset(DatasetCard("test", "test"), [Record(f"r{i}", s) for i, s in enumerate(sequences)])


def relatives(generator: random.Random, families: int, members: int, length: int) -> list[str]:
    """Families whose members differ from an ancestor by 0 to 30 % substitutions, insertions and deletions."""
    found = set()
    for _ in range(families):
        ancestor = generator.choices("ACGU", k=generator.randint(length // 2, length))
        for _ in range(members):
            rate = generator.uniform(0, 0.3)
            letters = [
                "" if (draw := generator.random()) < rate / 6 else
                letter + generator.choice("ACGU") if draw < rate / 3 else
                generator.choice("ACGU") if draw < rate else letter
                for letter in ancestor
            ]  # fmt: skip
            found.add("".join(letters) or "A")
    return sorted(found, key=lambda sequence: (-len(sequence), sequence))


@pytest.mark.parametrize("identity", [0.7, 0.8, 0.9])
@pytest.mark.parametrize("length", [14, 40, 90])
def test_same_as_brute_force(length: int, identity: float) -> None:
    sequences = relatives(random.Random(length), families=5, members=7, length=length)
    expected = brute_force(sequences, identity)
    assert 5 <= len(set(expected)) < len(sequences)
    assert greedy(sequences, identity) == expected


@settings(max_examples=60)
@given(st.lists(st.text("ACGUN", min_size=1, max_size=15), min_size=1, max_size=12, unique=True))
def test_short_sequences_are_all_compared(sequences: list[str]) -> None:
    ordered = sorted(sequences, key=lambda sequence: (-len(sequence), sequence))
    assert greedy(ordered, 0.8) == brute_force(ordered, 0.8)


def test_threshold_is_included() -> None:
    sequence = "ACGUACGGUCAUGCAUUGCA"
    four = "GGGG" + sequence[4:]
    assert distance(sequence, four) == 3
    edited = "UGCA" + sequence[4:]
    assert distance(sequence, edited) == 4
    assert len(set(clusters(dataset(sequence, edited)).values())) == 1
    edited = "UGCA" + sequence[4:-1] + "C"
    assert distance(sequence, edited) == 5
    assert len(set(clusters(dataset(sequence, edited)).values())) == 2


def test_duplicates_share_a_cluster_named_after_the_first_id() -> None:
    found = clusters(dataset("ACGUACGUACGU", "acgtacgtacgt", "GGGGGGGGGGGG"))
    assert found == {"r0": "r0", "r1": "r0", "r2": "r2"}


def test_a_fragment_is_not_its_whole() -> None:
    whole = "".join(random.Random(0).choices("ACGU", k=100))
    assert len(set(clusters(dataset(whole, whole[:79])).values())) == 2
    assert len(set(clusters(dataset(whole, whole[:80])).values())) == 1


def test_order_of_the_records_does_not_matter(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    sequences = relatives(random.Random(3), families=4, members=6, length=60)
    forward = dataset(*sequences)
    backward = Dataset(forward.card, forward.records[::-1])
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "one"))
    first = clusters(forward)
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "two"))
    assert clusters(backward) == first


def test_kept_once_per_fingerprint_and_made_again_when_damaged(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path))
    made: list[int] = []
    monkeypatch.setattr(module, "greedy", lambda *arguments: made.append(1) or greedy(*arguments))
    data = dataset("ACGUACGUAC", "GGGGGGGGGG")
    first = clusters(data)
    assert clusters(data) == first and len(made) == 1
    clusters(data, 0.9)
    clusters(dataset("ACGUACGUAC", "GGGGGGGGGA"))
    assert len(made) == 3
    for file in (tmp_path / "clusters").iterdir():
        file.write_bytes(file.read_bytes()[:-9])
    assert clusters(data) == first and len(made) == 4


def test_a_cache_that_cannot_be_written_costs_nothing_but_time(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv("HARNESS_CACHE", str(blocked))
    assert clusters(dataset("ACGU")) == {"r0": "r0"}


@pytest.mark.parametrize("identity", [0, -1, 1.1])
def test_identity_out_of_range(identity: float) -> None:
    with pytest.raises(InputError, match="is not between 0 and 1"):
        clusters(dataset("ACGU"), identity)


def test_hundred_thousand_nucleotides() -> None:
    long = "".join(random.Random(0).choices("ACGU", k=100_000))
    assert len(set(clusters(dataset(long, long[:-5], "ACGU" * 20)).values())) == 2


def test_real_families(data_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every member is similar to its representative; no two representatives of a sample are."""
    monkeypatch.setenv("HARNESS_DATA", str(data_folder))
    seed = load_dataset("rfam-seed")
    wanted = set(seed.families[:40])
    part = seed.subset(record for record in seed.records if record.family in wanted and len(record.sequence) < 150)
    found = clusters(part)
    by_id = {record.id: record.sequence for record in part.records}
    members = defaultdict(list)
    for record, cluster in found.items():
        members[cluster].append(record)
    assert 500 < len(members) < len(part.records)
    generator = random.Random(0)
    for record in generator.sample(sorted(found), 150):
        assert similarity(by_id[record], by_id[found[record]]) >= 0.8 - 1e-9
    leaders = generator.sample(sorted(members), 30)
    for number, first in enumerate(leaders):
        assert all(similarity(by_id[first], by_id[second]) < 0.8 for second in leaders[:number])


def test_kin_are_joined_by_families_and_by_clusters() -> None:
    records = [Record(name, "ACGU", family) for name, family in zip("abcde", ["F", "F", "G", None, None], strict=True)]
    groups = kin(records, ["1", "2", "2", "3", "3"])
    assert groups[0] == groups[1] == groups[2] and groups[3] == groups[4] != groups[0]
    assert len(set(kin(records, list("12345")))) == 4
