"""Hidden states that are joined from windows are those of the best window for every nucleotide."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from harness.activations.windowed import in_windows
from harness.adapter import ModelAdapter
from harness.sequences.alignment import Alignment, ModelInput, sequence_of
from harness.twins import random_twin
from tests.fakes import FakeModel

LIMIT = 24
GENERATOR = np.random.default_rng(0)
TEXTS = ["".join(GENERATOR.choice(list("ACGU"), length)) for length in (100, 7, 24, 25, 61, 100, 49)]
States = dict[int, NDArray[np.float32]]


class Edges(FakeModel):
    """A state is the letter, its distance to the nearer end of what was read, and the layer; the last comes first."""

    def __init__(self, name: str = "edges", identity: str = "edges-1") -> None:
        super().__init__(name, identity, max_length=LIMIT, width=3, capabilities={"hidden_states", "leading"})
        self.read: list[ModelInput] = []

    def random_twin(self, initialisation: int = 0) -> ModelAdapter:
        return Edges("a-twin", f"random-{initialisation}")

    def hidden_states(self, sequences: Sequence[str], layers: Sequence[int]) -> Iterator[tuple[int, States]]:
        self.check_lengths([sequence_of(given) for given in sequences])
        self.read += sequences
        for index in reversed(range(len(sequences))):
            text = sequence_of(sequences[index])
            places = np.arange(len(text))
            columns = [["ACGU".index(letter) for letter in text], np.minimum(places, places[::-1])]
            yield (
                index,
                {layer: np.array([*columns, np.full(len(text), layer)], dtype=np.float32).T for layer in layers},
            )


def test_every_nucleotide_comes_from_the_window_in_which_it_lies_farthest_from_an_end() -> None:
    model = Edges()
    found = dict(in_windows(model).hidden_states(TEXTS, [0, 2]))
    assert sorted(found) == list(range(len(TEXTS)))
    for index, text in enumerate(TEXTS):
        # of all windows that were read of this sequence, found by their letters, the best for each nucleotide
        best = np.full(len(text), -1)
        for part in model.read:
            assert isinstance(part, str)
            if (start := text.find(part)) >= 0:
                for place in range(len(part)):
                    best[start + place] = max(best[start + place], min(place, len(part) - 1 - place))
        for layer, states in found[index].items():
            assert states.dtype == np.float32
            assert "".join("ACGU"[int(code)] for code in states[:, 0]) == text
            np.testing.assert_array_equal(states[:, 1], best)
            assert set(states[:, 2]) == {layer}


def test_a_model_of_any_length_or_without_hidden_states_is_left_alone() -> None:
    for model in (FakeModel(max_length=None), FakeModel(capabilities={"attention"})):
        assert in_windows(model) is model


def test_a_twin_reads_in_windows_too_and_no_leading_token_is_left() -> None:
    model = in_windows(Edges())
    assert model.card.capabilities == {"hidden_states"} and model.identity() == "edges-1"
    twin = random_twin(model, 1)
    assert twin.card.name == "edges:random:1" and twin.identity() == "random-1"
    assert len(dict(twin.hidden_states(TEXTS[:1], [0]))[0][0]) == 100


def test_layers_are_asked_of_the_windows() -> None:
    asked: list[str] = []
    model = Edges()
    model.layers_held = lambda sequences: tuple(asked.extend(sequences) or (0,))  # type: ignore[method-assign, func-returns-value]
    assert in_windows(model).layers_held([TEXTS[3]]) == (0,)
    assert asked == [TEXTS[3][:24], TEXTS[3][1:]]


@pytest.mark.parametrize("query_row", [0, 1])
def test_an_alignment_is_cut_at_the_nucleotides_of_its_query(query_row: int) -> None:
    text = TEXTS[4]
    gapped = "-".join([text[:10], text[10:30], text[30:]])
    other = "".join("ACGU"[(("ACGU-".index(letter)) + 1) % 4] for letter in gapped)
    rows = (gapped, other) if query_row == 0 else (other, gapped)
    model = Edges()
    given: list[ModelInput] = [Alignment("a", rows, query_row)]
    ((_, states),) = in_windows(model).hidden_states(given, [1])  # type: ignore[arg-type]
    assert "".join("ACGU"[int(code)] for code in states[1][:, 0]) == text
    first = model.read[0]
    assert isinstance(first, Alignment) and first.query == text[:24] and first.query_row == query_row
    assert first.rows[1] == other[:25]  # a column without the query lies in it
