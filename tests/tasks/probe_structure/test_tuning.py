"""The tuned head: what frozen states hide, a copy can learn; the model stays as it is, and some have no copy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from harness.adapter import ModelAdapter, Trainable
from tasks.probe_structure.examples import examples_of
from tasks.probe_structure.settings import ProbeStructureSettings
from tasks.probe_structure.tuning import tune
from tasks.structure.data import Rna
from tests.fakes import FakeModel
from tests.tasks.probe_structure.planted import Attentive
from tests.tasks.probe_structure.test_task import run
from tests.tasks.structure.planted import dataset as hairpins


class Hiding(FakeModel):
    """States are a linear map of letters that tells purines from pyrimidines only, until it is trained."""

    asked: tuple[int, int | None] | None = None

    def __init__(self, name: str = "hiding") -> None:
        super().__init__(name, name, width=4)
        self.weights = torch.zeros(5, 4)
        self.weights[[0, 2]] = 0.02

    def random_twin(self, initialisation: int = 0) -> ModelAdapter:
        return Hiding(f"{self.card.name}:random:{initialisation}")

    def states(self, weights: torch.Tensor, sequence: str) -> torch.Tensor:
        return weights[["ACGUN".index(letter) for letter in sequence]]

    def hidden_states(
        self, sequences: Sequence[str], layers: Sequence[int]
    ) -> Iterator[tuple[int, dict[int, NDArray[np.float32]]]]:
        for index, sequence in enumerate(sequences):
            yield index, dict.fromkeys(layers, self.states(self.weights, sequence).numpy())

    def trainable(self, blocks: int, rank: int | None, seed: int, device: str = "cpu") -> Trainable:
        type(self).asked = blocks, rank
        own = torch.nn.Parameter(self.weights.clone())
        return Trainable([own], lambda sequences: [self.states(own, sequence) for sequence in sequences])


def test_what_frozen_states_hide_is_learned_with_the_blocks(tmp_path: Path) -> None:
    data = hairpins()
    rnas = [Rna(record) for record in data.records]
    settings = ProbeStructureSettings(steps=120, tuned_blocks=1)
    model = Hiding()
    parts = [[rna for rna in rnas if rna.record.split == part] for part in ("train", "select", "test")]
    examples = [[examples_of(rna) for rna in own] for own in parts]
    found = tune(model, parts[0], examples[0], (parts[1], examples[1]), settings, 0, "cpu")
    assert model.weights.unique().tolist() == pytest.approx([0, 0.02]) and model.asked == (1, 8)

    def separation(logits: Sequence[np.ndarray]) -> float:
        """Pairs of bases that pair against pairs that do not, among a purine and a pyrimidine."""
        from tasks.structure.maps import positions

        own: dict[bool, list[float]] = {True: [], False: []}
        for rna, values in zip(parts[2], logits, strict=True):
            for i, j, value in zip(*positions(rna.length), values, strict=True):
                letters = "".join(sorted(rna.sequence[i] + rna.sequence[j]))
                if j - i > 8 and letters in ("AU", "CG", "AC"):
                    own[letters != "AC"].append(float(value))
        return float(np.mean(own[True]) - np.mean(own[False]))

    assert separation(found.logits(parts[2])) > 0.5
    with torch.no_grad():
        found.copy.parameters[0].copy_(model.weights)
    assert abs(separation(found.logits(parts[2]))) < 0.2


def test_the_record_has_the_tuned_number_of_model_and_twin_or_none(tmp_path: Path) -> None:
    tuned = run(Hiding(), tmp_path, hairpins(), seeds=(0,), steps=8, tuned_blocks=2, tuned_rank=0, examples=(3,))
    assert Hiding.asked == (2, None)
    own = {name: metric.value for name, metric in tuned.metrics.items()}
    assert own["tuning_gap"] == pytest.approx(own["f1_pair_tuned"] - own["f1_probed"])
    rows = {row.source for row in tuned.table if row.stratum.startswith("pair-tuned")}
    assert {"model", "random-twin"} <= rows and "one-hot" not in rows
    assert tuned.selected["model"]["best"]["head"] != "pair-tuned"
    without = run(Attentive(), tmp_path, seeds=(0,), steps=8, tuned_blocks=1)
    assert without.metrics["f1_pair_tuned"].value is None
