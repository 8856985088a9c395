from __future__ import annotations

import pytest

from harness.datasets.records import Record
from harness.datasets.selection import by_hash, left_out_for_the_model, why_left_out
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


def test_the_order_by_hash_is_fixed_and_has_nothing_to_do_with_names() -> None:
    assert by_hash(["a", "b", "c", "d"]) == by_hash(["d", "c", "b", "a"]) == ["d", "c", "b", "a"]
