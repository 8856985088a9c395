import random

import pytest

from harness.datasets.records import Dataset, DatasetCard, Record
from harness.errors import NotApplicable
from tasks.sae_motifs.data import prepare
from tasks.sae_motifs.settings import SaeMotifsSettings


def dataset(count: int = 40, copies: int = 2) -> Dataset:
    """Sequences of random letters, each with near copies of its own."""
    generator = random.Random(0)
    records = []
    for number in range(count):
        letters = generator.choices("ACGU", k=60)
        for copy in range(copies):
            letters[copy] = "ACGU"["ACGU".index(letters[copy]) - 1]
            records.append(Record(f"s{number:02}.{copy}", "".join(letters)))
    return Dataset(DatasetCard("peaks", "random"), tuple(records))


def family(record: Record) -> str:
    return record.id.partition(".")[0]


def test_clusters_stay_whole_and_half_of_the_sequences_train() -> None:
    found = prepare(dataset(), SaeMotifsSettings())
    parts = [found.train, found.select, found.test]
    assert [len(part) for part in parts] == [40, 20, 20] and found.split == "by cluster, made here"
    families = [set(map(family, part)) for part in parts]
    assert not (families[0] & families[1] or families[0] & families[2] or families[1] & families[2])


def test_of_many_sequences_some_are_taken_by_hash_and_counted() -> None:
    found = prepare(dataset(), SaeMotifsSettings(sequences=24))
    assert len(found.used) == 24 and found.skipped["sequences beyond the 24 that are used"] == 56
    first = {record.id for record in dataset().records[:24]}
    assert {record.id for record in found.used} != first
    again = prepare(dataset(), SaeMotifsSettings(sequences=24))
    assert found.used == again.used


def test_a_limit_takes_from_every_split_and_moves_nothing_between_them() -> None:
    whole = prepare(dataset(), SaeMotifsSettings())
    few = prepare(dataset(), SaeMotifsSettings(limit=12))
    assert [len(part) for part in (few.train, few.select, few.test)] == [4, 4, 4]
    assert set(few.test) <= set(whole.test) and set(few.train) <= set(whole.train)


def test_of_given_splits_no_cluster_lies_in_two() -> None:
    splits = ["train", "train", "select", "test", "train"]  # of families of two: together, and apart in every way
    rows = [
        Record(r.id, r.sequence, cluster=family(r), split=splits[number % 5])  # type: ignore[arg-type]
        for number, r in enumerate(dataset().records)
    ]
    given = dataset().subset(rows)
    found = prepare(given, SaeMotifsSettings())
    assert found.split == "given"
    clusters = [{record.cluster for record in part} for part in (found.train, found.select, found.test)]
    assert not (clusters[0] & clusters[1] or clusters[0] & clusters[2] or clusters[1] & clusters[2])
    assert len(found.test) == sum(row.split == "test" for row in rows)  # what is scored stays
    left = found.skipped["sequences that share a cluster with another split"]
    assert left == len(rows) - len(found.used) > 0


def test_a_split_without_a_sequence_is_not_applicable() -> None:
    with pytest.raises(NotApplicable, match=r"has no train sequence.*4 left out: sequences over 50 nt"):
        prepare(dataset(2), SaeMotifsSettings(longest=50))
