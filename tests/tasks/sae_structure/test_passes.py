"""What passes keep is what encoding whole RNAs gives, in whatever order a model reads them, without N."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from harness.progress import Progress
from tasks.sae.concepts.choice import FeatureChoice
from tasks.sae.sequence_scores import States
from tasks.sae.sources.letters import KmerSource
from tasks.sae.sources.linear import NeuronSource
from tasks.sae_structure.choices import Entry
from tasks.sae_structure.passes import Passes, Readable
from tests.fakes import FakeModel

SELECT, TEST, SHUFFLED = ["ACGNUU", "GGNA", "UUUU"], ["CCNCA", "AGAGA"], ["CACNC"]


class Backwards(FakeModel):
    """Gives the last sequence first; states are 100 x sequence + position, and the letter."""

    def hidden_states(
        self, sequences: Sequence[str], layers: Sequence[int]
    ) -> Iterator[tuple[int, dict[int, NDArray[np.float32]]]]:
        for index in reversed(range(len(sequences))):
            letters = ["ACGUN".index(letter) for letter in sequences[index]]
            states = np.column_stack([100.0 * index + np.arange(len(letters)), letters]).astype(np.float32)
            yield index, {layer: states + layer for layer in layers}


def passes(choosing: list[int]) -> Passes:
    select, test, shuffled = (Readable.of(own) for own in (SELECT, TEST, SHUFFLED))
    return Passes(select, np.array(choosing), test, shuffled, Progress(quiet=True))


def test_states_of_the_nucleotides_that_choose() -> None:
    # rows of select: A C G U U | G G A | U U U U
    found = passes([0, 3, 7, 11]).select_states(Backwards(), (1, 2), "select")
    assert found["states 1"][:, 0].tolist() == [1, 5, 104, 204] and found["states 2"][:, 0].tolist() == [2, 6, 105, 205]
    assert found["states 1"][:, 1].tolist() == [1, 4, 1, 4]


def test_values_of_chosen_features_on_test_and_on_shuffled_rnas() -> None:
    source = NeuronSource()
    source.mean, source.directions = np.zeros(2, dtype=np.float32), np.eye(2, dtype=np.float32)
    choice = FeatureChoice(np.array([3, 0, 3]), np.ones(3, dtype=int), *np.zeros((3, 3)))
    entry = Entry(source, 1, None, {"": choice})
    seen: dict[int, int] = {}

    def observe(index: int, hidden: States) -> None:
        seen[index] = len(hidden[1])

    found = passes([0]).values(Backwards(), (1,), [entry], "test", observe)
    assert entry.columns.tolist() == [0, 3]
    places, letters = [0, 1, 3, 4, 100, 101, 102, 103, 104], [1, 1, 1, 0, 0, 2, 0, 2, 0]
    assert found["values 0"].tolist() == [
        [place + 1, -letter - 1] for place, letter in zip(places, letters, strict=True)
    ]
    assert found["shuffled 0"][:, 0].tolist() == [1, 2, 3, 5]
    assert seen == {0: 4, 1: 5}


def test_letters_are_read_at_the_same_nucleotides() -> None:
    own = passes([1, 5, 8])
    source = KmerSource()
    whole = np.vstack([source.encode(s).toarray()[[p for p, c in enumerate(s) if c != "N"]] for s in SELECT])
    assert (own.letters_of_select(source).toarray() == whole[[1, 5, 8]]).all()
    choice = FeatureChoice(np.array([2, 1]), np.ones(2, dtype=int), *np.zeros((3, 2)))
    entry = Entry(source, None, None, {"": choice})
    own.fill_letters(entry)
    letters = "".join(TEST).replace("N", "")
    assert entry.values.tolist() == [[float(c == "C"), float(c == "G")] for c in letters]
    assert entry.shuffled.tolist() == [[float(c == "C"), 0.0] for c in "CACC"]
