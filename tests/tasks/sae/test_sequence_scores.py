"""Scores of sources on sequences against loops over nucleotides; N belongs to no window and no mean."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from harness.activations.reader import known_positions
from harness.adapter import ModelAdapter
from harness.sequences.alignment import Alignment
from tasks.sae.aggregate import AGGREGATIONS, MEAN, WINDOW, window_start
from tasks.sae.sequence_scores import Scorer
from tasks.sae.sources.autoencoder import SaeSource
from tasks.sae.sources.letters import KmerSource, LengthSource
from tasks.sae.sources.linear import NeuronSource
from tests.tasks.sae.planted import Planted, random_sequences, ready

SEQUENCES = ["ACGUNNACGUACGUAC", "GGGGNACGU", "NNNNACGUAA", "A", *random_sequences(4, 30)]
NAMES = [f"rna {index}" for index in range(len(SEQUENCES))]
WINDOW_LENGTH = 8
SCORER = Scorer(NAMES, SEQUENCES, WINDOW_LENGTH)
ROWS = np.arange(len(SEQUENCES))
NUMBER = {KmerSource().feature_name(k): k for k in range(KmerSource.features)}


def in_window(index: int) -> list[int]:
    """Positions of the window of a sequence that are not N."""
    start = window_start(NAMES[index], len(SEQUENCES[index]), WINDOW_LENGTH)
    places = range(start, min(start + WINDOW_LENGTH, len(SEQUENCES[index])))
    return [place for place in places if SEQUENCES[index][place] != "N"]


@given(st.lists(st.text("ACGUN", min_size=1, max_size=40), min_size=1, max_size=4), st.integers(1, 50))
def test_windows_hold_the_nucleotides_of_the_window_that_are_not_n(sequences: list[str], window: int) -> None:
    names = [str(index) for index in range(len(sequences))]
    scorer = Scorer(names, sequences, window)
    for index, sequence in enumerate(sequences):
        start = window_start(names[index], len(sequence), window)
        expected = [place for place in range(len(sequence)) if sequence[place] != "N" and 0 <= place - start < window]
        assert known_positions(sequence)[scorer._windows[index]].tolist() == expected


@pytest.mark.parametrize("word", ["A", "GU", "ACG", "GGGG", "ACGUA", "ACGUAC"])
def test_kmers_by_a_loop(word: str) -> None:
    """The window maximum says whether a nucleotide of the window lies in the word; the mean, what share of all do."""
    scored = SCORER.score_letter_source(KmerSource())
    presence, share = (scored.matrix(ROWS, name)[:, NUMBER[word]] for name in (WINDOW, MEAN))
    for index, sequence in enumerate(SEQUENCES):
        starts = [s for s in range(len(sequence)) if sequence[s : s + len(word)] == word]
        covered = {place for s in starts for place in range(s, s + len(word))}
        assert presence[index] == any(place in covered for place in in_window(index))
        assert share[index] == pytest.approx(len(covered) / sum(letter != "N" for letter in sequence))


def test_candidates_of_a_letter_source_are_presence_and_frequency() -> None:
    scored = SCORER.score_letter_source(KmerSource()).scored_by(WINDOW)
    matrix = scored.matrix(np.array([2, 0]))
    assert matrix.shape == (2, 2 * KmerSource.features) and matrix.dtype == np.float32
    expected = np.hstack([scored.scores.get(name, np.array([2, 0])) for name in (WINDOW, MEAN)])
    np.testing.assert_array_equal(matrix, expected)
    assert scored.feature_name(0) == "A" and scored.feature_name(KmerSource.features + 1) == "C (mean)"
    mean = scored.scored_by(MEAN)
    np.testing.assert_array_equal(mean.matrix(np.array([2, 0])), expected[:, KmerSource.features :])
    assert mean.feature_name(1) == "C" and mean.headline == (MEAN,)
    assert (scored.name, scored.role, scored.layer, scored.seed) == ("kmer", "floor", None, None)


def test_length_is_the_length_whatever_the_window() -> None:
    scored = SCORER.score_letter_source(LengthSource())
    lengths = np.array([len(sequence) for sequence in SEQUENCES])
    np.testing.assert_array_equal(scored.matrix(ROWS), lengths[:, None])
    np.testing.assert_array_equal(scored.scored_by(WINDOW).matrix(ROWS), np.column_stack([lengths, lengths]))


class Backwards(Planted):
    """The same hidden states, the last sequence first."""

    def hidden_states(
        self, sequences: Sequence[str], layers: Sequence[int]
    ) -> Iterator[tuple[int, dict[int, NDArray[np.float32]]]]:
        yield from reversed(list(super().hidden_states(sequences, layers)))


def neurons() -> NeuronSource:
    source = NeuronSource()
    source.fit(np.random.default_rng(0).normal(size=(100, 16)).astype(np.float32))
    return source


def scored_by(model: ModelAdapter) -> tuple[list[NDArray[np.float32]], dict[int, NDArray[np.float32]], list[int]]:
    entries = [
        SCORER.prepare(neurons(), 1, None, (WINDOW,)),
        SCORER.prepare(neurons(), 2, None, (WINDOW,)),
        SCORER.prepare(SaeSource(ready()), 2, 7, AGGREGATIONS),
    ]
    seen: list[int] = []
    means = SCORER.score_model_sources(model, (1, 2), entries, seen.append)
    matrices = [entry.matrix(ROWS, name) for entry in entries for name in entry.scores.aggregations]
    return matrices, means, seen


def test_model_sources_by_a_loop() -> None:
    matrices, means, seen = scored_by(Planted(width=16))
    assert seen == list(range(1, len(SEQUENCES) + 1))
    source, autoencoder = neurons(), ready()
    for index, states in Planted(width=16).hidden_states(SEQUENCES, (1, 2)):
        known = [place for place, letter in enumerate(SEQUENCES[index]) if letter != "N"]
        for k, layer in enumerate((1, 2)):
            np.testing.assert_allclose(means[layer][index], np.mean([states[layer][p] for p in known], 0), rtol=1e-5)
            standard = (states[layer] - source.mean) @ source.directions
            own = [np.r_[standard[place], -standard[place]] for place in in_window(index)]
            np.testing.assert_allclose(matrices[k][index], np.max(own, 0) if own else np.zeros(32), rtol=1e-4)
        import torch

        code = autoencoder.encode(torch.from_numpy(states[2][known])).to_dense().detach().numpy()
        window = [known.index(place) for place in in_window(index)]
        loops = [code.mean(0), code[window].max(0) if window else np.zeros(64), code.max(0), (code > 0).mean(0)]
        for found, expected in zip(matrices[2:], loops, strict=True):
            np.testing.assert_allclose(found[index], expected, rtol=1e-4, atol=1e-6)


class Deep(Planted):
    """A model of alignments: it must be given them, and answers for their queries."""

    def hidden_states(
        self, sequences: Any, layers: Sequence[int]
    ) -> Iterator[tuple[int, dict[int, NDArray[np.float32]]]]:
        assert all(given.depth == 2 for given in sequences)
        yield from super().hidden_states([given.query for given in sequences], layers)


def test_a_model_of_alignments_is_scored_on_their_queries() -> None:
    inputs = [Alignment("x", (f"{sequence}-", "-" * (len(sequence) + 1))) for sequence in SEQUENCES]
    scorer = Scorer(NAMES, inputs, WINDOW_LENGTH)
    deep, plain = scorer.prepare(neurons(), 1, None), SCORER.prepare(neurons(), 1, None)
    scorer.score_model_sources(Deep(width=16), (1,), [deep], lambda done: None)
    SCORER.score_model_sources(Planted(width=16), (1,), [plain], lambda done: None)
    np.testing.assert_array_equal(deep.matrix(ROWS), plain.matrix(ROWS))


def test_states_are_observed_in_the_same_pass_without_n() -> None:
    seen: dict[int, NDArray[np.float32]] = {}
    SCORER.score_model_sources(
        Planted(width=16), (2,), [], lambda done: None, lambda index, states: seen.update({index: states[2]})
    )
    for index, states in Planted(width=16).hidden_states(SEQUENCES, (2,)):
        np.testing.assert_array_equal(seen[index], states[2][[letter != "N" for letter in SEQUENCES[index]]])


def test_the_order_of_a_model_does_not_matter() -> None:
    forwards, backwards = scored_by(Planted(width=16)), scored_by(Backwards(width=16))
    for one, other in zip(forwards[0], backwards[0], strict=True):
        np.testing.assert_array_equal(one, other)
    assert all((forwards[1][layer] == backwards[1][layer]).all() for layer in (1, 2))
