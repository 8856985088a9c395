from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from harness.sequences.alignment import Alignment
from tasks.sae.aligned import AlignedModel
from tests.fakes import FakeModel


class Depths(FakeModel):
    """Says how many rows it was given, and which initialisation it is."""

    def __init__(self, number: int = -1) -> None:
        super().__init__(f"depths {number}", f"depths {number}", capabilities={"hidden_states", "alignment"})
        self.number, self.device = number, ""

    def random_twin(self, initialisation: int = 0) -> Depths:
        return Depths(initialisation)

    def load(self, device: str = "cpu") -> None:
        self.device = device

    def unload(self) -> None:
        self.device = ""

    def hidden_states(self, sequences: Any, layers: Any) -> Any:
        for index, alignment in enumerate(sequences):
            values = np.full((len(alignment.query), 2), (alignment.depth, self.number), np.float32)
            yield index, dict.fromkeys(layers, values)


ALIGNMENTS = {"ACGU": Alignment("x", ("ACGU", "AC-U")), "AC": Alignment("y", ("AC",))}


def test_every_sequence_comes_with_its_own_alignment_and_a_twin_reads_them_too() -> None:
    model = AlignedModel(Depths(), ALIGNMENTS)
    for given, number in ((model, -1), (model.random_twin(3), 3)):
        found = dict(given.hidden_states(["AC", "ACGU", "AC"], [0, 1]))
        assert [found[k][1].tolist() for k in range(3)] == [[[1, number]] * 2, [[2, number]] * 4, [[1, number]] * 2]
        assert given.identity() == given.card.name == f"depths {number}"


def test_it_is_loaded_and_unloaded_with_the_model() -> None:
    inner = Depths()
    model = AlignedModel(inner, ALIGNMENTS)
    model.load("elsewhere")
    assert inner.device == "elsewhere"
    model.unload()
    assert inner.device == ""


def test_a_sequence_that_no_record_has_is_a_fault_of_the_caller() -> None:
    with pytest.raises(KeyError, match="GG"):
        AlignedModel(Depths(), ALIGNMENTS).hidden_states(["GG"], [0])
