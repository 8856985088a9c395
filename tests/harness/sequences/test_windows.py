"""Windows cover every position once, each as far from an end as it can be."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from harness.adapter import ModelCard
from harness.sequences.windows import windows
from tests.fakes import FakeModel


def card(longest: int | None, codon: int = 1) -> ModelCard:
    return FakeModel(max_length=longest, length_multiple=codon).card


@given(st.integers(1, 300), st.integers(1, 60))
def test_every_position_is_kept_once_from_windows_that_fit(length: int, longest: int) -> None:
    found = list(windows(length, card(longest)))
    kept = [place for _, _, first, last in found for place in range(first, last)]
    assert kept == list(range(length))
    for start, stop, first, last in found:
        assert 0 <= start <= first <= last <= stop <= length and stop - start == min(length, longest)


@given(st.integers(61, 300), st.integers(8, 60).map(lambda half: 2 * (half // 2)))
def test_no_position_lies_nearer_to_a_cut_than_a_quarter_of_a_window(length: int, longest: int) -> None:
    for start, stop, first, last in windows(length, card(longest)):
        assert first == 0 or first - start >= longest // 4
        assert last == length or stop - last >= longest // 4


@given(st.integers(1, 100), st.integers(3, 60))
def test_windows_of_codons_are_in_the_frame_of_the_sequence(codons: int, longest: int) -> None:
    found = list(windows(3 * codons, card(longest, 3)))
    assert all(start % 3 == 0 and stop % 3 == 0 and stop - start <= longest for start, stop, _, _ in found)
    assert [place for _, _, first, last in found for place in range(first, last)] == list(range(3 * codons))


def test_without_a_limit_there_is_one_window() -> None:
    assert list(windows(500, card(None))) == list(windows(500, card(500))) == [(0, 500, 0, 500)]
