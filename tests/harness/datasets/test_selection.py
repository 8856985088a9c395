from __future__ import annotations

import pytest

from harness.datasets.records import Record
from harness.datasets.selection import left_out_by_model, why_left_out
from tests.fakes import FakeModel


@pytest.mark.parametrize(
    ("sequence", "reason"),
    [
        ("ACGUAC", None),
        ("ACGUACGUACG", "sequences over 10 nt"),
        ("ANNN", "sequences of mostly N"),
        ("ANNA", "sequences of mostly N"),
        ("ANGNAC", None),
        ("ACGUACGUA", "the model takes at most 8 nt"),
        ("AC", "the model takes at least 3 nt"),
        ("ACGUA", "the model takes whole codons of 3 nt"),
        # the table comes before the model, so that every model counts the same there
        ("N" * 11, "sequences over 10 nt"),
        ("N" * 9, "sequences of mostly N"),
    ],
)
def test_the_first_rule_that_is_broken_is_the_reason(sequence: str, reason: str | None) -> None:
    card = FakeModel().card.model_copy(update={"max_length": 8, "min_length": 3, "length_multiple": 3})
    assert why_left_out(Record("one", sequence), 10, card) == reason


def test_an_error_names_what_lies_with_the_model_alone() -> None:
    skipped = {
        "sequences over 10 nt": 4,
        "the model takes at most 8 nt": 1200,
        "pairs inside one token of the model": 2,
    }
    assert left_out_by_model(skipped) == (
        "1,200 left out: the model takes at most 8 nt; 2 left out: pairs inside one token of the model"
    )
    assert left_out_by_model({"exact duplicates": 3}) == ""
