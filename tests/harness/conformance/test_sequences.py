from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from harness.adapter import ModelCard
from harness.conformance.sequences import LONGEST, aligned, probe_sequence, standard_sequences

CARDS = st.builds(
    lambda least, multiple, room, alphabet: ModelCard(
        name="any",
        summary="any",
        architecture="any",
        alphabet=alphabet,
        capabilities=frozenset(),
        min_length=least,
        length_multiple=multiple,
        max_length=None if room is None else least * multiple + room,
    ),
    st.integers(1, 8),
    st.integers(1, 6),
    st.none() | st.integers(0, 2000),
    st.sampled_from(["nucleotide", "protein"]),
)


@given(CARDS)
def test_only_sequences_that_the_card_says_the_model_takes(card: ModelCard) -> None:
    sequences = standard_sequences(card)
    for sequence in [*sequences, probe_sequence(card)]:
        assert card.min_length <= len(sequence) <= min(LONGEST, card.max_length or LONGEST)
        assert len(sequence) % card.length_multiple == 0
    lengths = [len(sequence) for sequence in sequences]
    assert lengths == sorted(set(lengths), reverse=True)
    assert sequences == standard_sequences(card)


def test_lengths_go_from_the_shortest_to_near_the_limit() -> None:
    def lengths(**fields: int) -> list[int]:
        card = ModelCard(name="a", summary="a", architecture="a", capabilities=frozenset(), **fields)  # type: ignore[arg-type]
        return [len(sequence) for sequence in standard_sequences(card)]

    assert lengths() == [200, 97, 64, 31, 7, 1]
    assert lengths(max_length=50) == [50, 31, 7, 1]
    assert lengths(min_length=6) == [200, 97, 64, 31, 7, 6]
    assert lengths(length_multiple=3, max_length=100) == [99, 96, 63, 30, 6, 3]


def test_the_other_rows_of_an_alignment_do_not_follow_its_query() -> None:
    first, second = aligned("ACGU"), aligned("ACGA")
    assert first.query == "ACGU" and first.depth == 3
    assert first.rows[1:] == second.rows[1:]
