from __future__ import annotations

from collections import Counter

import pytest

from harness.datasets.records import Record
from harness.datasets.selection import (
    by_hash,
    choosing_half,
    distinct,
    left_out_for_the_model,
    shares_of_limit,
    some_by_hash,
    usable,
    why_left_out,
)
from harness.task import TaskSettings


@pytest.mark.parametrize(
    ("sequence", "reason"),
    [
        ("ACGUAC", None),
        ("ACGUACGUACG", "sequences over 10 nt"),
        ("ANNN", "sequences of mostly N"),
        ("ANNA", "sequences of mostly N"),
        ("ANGNAC", None),
        ("AC", "sequences under 3 nt"),
        ("ACGUA", "sequences that are not whole codons of 3 nt"),
        ("N" * 11, "sequences over 10 nt"),
        ("NN", "sequences of mostly N"),
    ],
)
def test_the_first_rule_that_is_broken_is_the_reason(sequence: str, reason: str | None) -> None:
    settings = TaskSettings(longest=10, shortest=3, length_multiple=3)
    assert why_left_out(Record("one", sequence), settings) == reason


def test_an_error_names_what_may_lie_with_the_model() -> None:
    settings = TaskSettings(longest=10, shortest=3, length_multiple=3)
    skipped = {why_left_out(Record("one", "A" * length), settings) or "": length for length in (2, 4, 1200)}
    skipped |= {"pairs inside one token of the model": 5, "exact duplicates": 3, "sequences of mostly N": 1}
    assert left_out_for_the_model(skipped) == (
        "2 left out: sequences under 3 nt; 4 left out: sequences that are not whole codons of 3 nt; "
        "1,200 left out: sequences over 10 nt; 5 left out: pairs inside one token of the model"
    )
    assert left_out_for_the_model({"exact duplicates": 3, "pairs inside one token of the model": 0}) == ""


def test_an_order_that_depends_on_the_names_alone() -> None:
    names = [f"n{k}" for k in range(50)]
    found = by_hash(names)
    assert sorted(found) == sorted(names) != found == by_hash(names[::-1])
    assert [name for name in found if name != "n7"] == by_hash(name for name in names if name != "n7")


def test_the_half_that_chooses_is_the_smaller_or_equal_one_and_the_largest_group_apart() -> None:
    sizes = {f"g{k}": 1 + k % 5 for k in range(40)}
    half = choosing_half(sizes)
    own = sum(sizes[name] for name in half)
    assert 0 <= sum(sizes.values()) - 2 * own <= max(sizes.values()) or abs(sum(sizes.values()) - 2 * own) <= 5
    assert choosing_half({"alone": 3}) == set() and choosing_half({}) == set()
    assert choosing_half({"a": 1, "b": 1}) == {by_hash("ab")[1]}


def test_usable_and_distinct_records_in_the_order_of_ids_with_counts() -> None:
    rows = [Record("d", "ACGU", "F"), Record("c", "ACGU", "G"), Record("b", "ACGU", "F"), Record("a", "NN"),
            Record("e", "ACGUA", "H")]  # fmt: skip
    skipped: Counter[str] = Counter()
    found = usable(rows, TaskSettings(), skipped, lambda record: "of H" if record.family == "H" else None)
    assert [r.id for r in found] == ["b", "c", "d"] and skipped == {"sequences of mostly N": 1, "of H": 1}
    assert [r.id for r in distinct(found, skipped)] == ["b", "c"] and skipped["exact duplicates"] == 1
    assert [r.id for r in distinct(found, Counter(), within_families=False)] == ["b"]


def test_a_limit_is_shared_evenly_test_first_and_what_one_split_lacks_goes_to_the_others() -> None:
    assert shares_of_limit({"train": 9, "select": 9, "test": 9}, 8) == {"train": 2, "select": 3, "test": 3}
    assert shares_of_limit({"train": 9, "select": 1, "test": 2}, 8) == {"train": 5, "select": 1, "test": 2}
    assert shares_of_limit({"train": 1, "select": 1, "test": 1}, 99) == {"train": 1, "select": 1, "test": 1}


def test_some_records_by_hash_keep_their_order() -> None:
    records = [Record(str(number), "ACGU") for number in range(20)]
    some = some_by_hash(records, 5)
    assert {record.id for record in some} == set(by_hash(record.id for record in records)[:5])
    assert some == sorted(some, key=records.index) and some_by_hash(records, None) == records


def test_proteins_are_left_out_for_x_and_not_for_asparagine() -> None:
    settings = TaskSettings(longest=6)
    asparagine, unknown, long = (Record(name, name) for name in ("NNNNM", "XXXMK", "MKVLAAM"))
    skipped: Counter[str] = Counter()
    assert usable([asparagine, unknown, long], settings, skipped, alphabet="protein") == [asparagine]
    assert skipped == {"sequences of mostly X": 1, "sequences over 6 residues": 1}
    assert why_left_out(asparagine, settings) == "sequences of mostly N"
