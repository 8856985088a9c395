"""Substitutions as text and back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.datasets.variants.mutations import between, mutated, parse, undone
from harness.errors import InputError

SEQUENCES = st.text("ACGU", min_size=1, max_size=30)


@given(SEQUENCES, st.randoms())
def test_text_and_sequences_say_the_same(wild_type: str, source: object) -> None:
    variant = "".join(source.choice("ACGU") for _ in wild_type)  # type: ignore[attr-defined]
    found = between(wild_type, variant)
    assert mutated(wild_type, found) == variant and undone(variant, found) == wild_type
    assert parse(",".join(map(str, found))) == found


@pytest.mark.parametrize("text", ["A1C,G3U", "a1c;g3t", "A1C:G3T", " A1C  G3U ", "G3U/A1C"])
def test_spellings(text: str) -> None:
    assert [str(own) for own in parse(text)] == ["A1C", "G3U"]


@pytest.mark.parametrize("text", ["A0C", "A1A", "U4T", "A1-", "1C", "A1", "A1del", "B1C"])
def test_what_is_no_substitution(text: str) -> None:
    with pytest.raises(InputError, match="is not a substitution such as A12C"):
        parse(text)


def test_a_position_is_replaced_once() -> None:
    with pytest.raises(InputError, match="replaces position 1 twice"):
        parse("A1C,A1G")


def test_what_does_not_fit() -> None:
    with pytest.raises(InputError, match="C2A does not fit the wild type, which has G at position 2"):
        mutated("AGG", parse("C2A"))
    with pytest.raises(InputError, match="G4A does not fit the wild type, which has 3 nucleotides"):
        mutated("AGG", parse("G4A"))
    with pytest.raises(InputError, match="the sequence does not have the mutations A1C"):
        undone("AGG", parse("A1C"))
