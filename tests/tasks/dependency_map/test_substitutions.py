from __future__ import annotations

import weakref
from collections.abc import Iterator, Sequence

import numpy as np
import pytest

from harness.adapter import ModelAdapter
from harness.datasets.records import Record
from harness.errors import HarnessError
from tasks.dependency_map.substitutions import Floats, cost, passes, predicts, substituted
from tasks.structure.data import Rna
from tests.fakes import FakeModel
from tests.tasks.dependency_map.planted import Causal, Contextual


def test_every_base_is_replaced_by_the_three_others_and_n_by_none() -> None:
    asked: list[str] = []

    class Watched(Contextual):
        def unmasked_log_probs(self, sequences: Sequence[str]) -> Iterator[tuple[int, Floats]]:
            asked.extend(sequences)
            yield from super().unmasked_log_probs(sequences)

    model, sequence = Watched(), "ANCG"
    before, after = substituted(model, sequence)
    assert asked[0] == sequence and len(asked) == passes(sequence) == 10 and len(set(asked)) == 10
    for mutant in asked[1:]:
        [i] = [k for k in range(4) if mutant[k] != sequence[k]]
        np.testing.assert_array_equal(
            after[i, "ACGU".index(mutant[i])], next(iter(Contextual().unmasked_log_probs([mutant])))[1]
        )
    for i, a in ((0, 0), (2, 1), (3, 2), *((1, letter) for letter in range(4))):
        np.testing.assert_array_equal(after[i, a], before)


def test_the_cost_is_told_in_passes_and_nucleotides() -> None:
    rnas = [Rna(Record("a", "ACGU")), Rna(Record("b", "NA" * 5))]
    assert cost(rnas) == "2 maps: 29 forward passes over 212 nucleotides"


def test_predictions_are_dropped_as_they_come() -> None:
    """Of 3L + 1 passes one is held at a time: what grows with their number is the table of log-probabilities alone."""
    alive: list[weakref.ref[Floats]] = []
    most = 0

    class Counted(FakeModel):
        def unmasked_log_probs(self, sequences: Sequence[str]) -> Iterator[tuple[int, Floats]]:
            nonlocal most
            for index, sequence in enumerate(sequences):
                values = np.full((len(sequence), 4), -np.log(4), np.float32)
                alive.append(weakref.ref(values))
                most = max(most, sum(reference() is not None for reference in alive))
                yield index, values

    before, after = substituted(Counted(capabilities={"unmasked_log_probs"}), "ACGU" * 10)
    assert len(alive) == 121 and most <= 2
    assert before.nbytes + after.nbytes == 16 * 40 + 64 * 40**2


@pytest.mark.parametrize(("shape", "count"), [((3, 4), 13), ((4, 4), 12)])
def test_what_does_not_fit_the_sequences_is_refused(shape: tuple[int, int], count: int) -> None:
    class Odd(FakeModel):
        def unmasked_log_probs(self, sequences: Sequence[str]) -> Iterator[tuple[int, Floats]]:
            yield from ((index, np.zeros(shape, np.float32)) for index in range(count))

    with pytest.raises(HarnessError, match="returned predictions"):
        substituted(Odd(capabilities={"unmasked_log_probs"}), "ACGU")


@pytest.mark.parametrize(
    ("model", "expected"), [(Contextual(), True), (Causal(), True), (FakeModel(capabilities={"pair_scores"}), False)]
)
def test_who_predicts(model: ModelAdapter, expected: bool) -> None:
    assert predicts(model) == expected
