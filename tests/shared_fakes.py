"""A plugin with a model that embeds slowly and writes down which process embeds what, for tests of workers that help.

``$TRACE`` is a file for lines; with ``$GROUP``, groups hold so many nucleotides.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from operator import itemgetter
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from harness.activations import call
from harness.adapter import ModelAdapter
from harness.datasets.records import Dataset, DatasetCard, Record, build_dataset
from harness.task import CellContext, TaskOutcome, TaskSettings
from tests.fakes import FakeModel, FakeTask
from tests.harness.activations.stored import letters, sequences
from tests.slow_fakes import SlowModel, _trace

SEQUENCES = 120
if group := os.environ.get("GROUP"):
    call.GROUP_NUCLEOTIDES = int(group)


class Embedding(SlowModel):
    """States are random numbers of the letters; each sequence takes some milliseconds."""

    def hidden_states(
        self, sequences: Sequence[str], layers: Sequence[int]
    ) -> Iterator[tuple[int, dict[int, NDArray[np.float32]]]]:
        for index, sequence in enumerate(sequences):
            time.sleep(float(os.environ.get("SECONDS", "0.005")))
            _trace("embed", os.getpid(), sequence)
            states = np.random.default_rng(letters(sequence)).normal(size=(len(sequence), 5)).astype(np.float32)
            yield index, {layer: states + layer for layer in layers}


class InOrder:
    """The states of a model in the order of the sequences: sums of the task depend on it."""

    def __init__(self, model: ModelAdapter) -> None:
        self._model = model
        self.card = model.card

    def hidden_states(self, *asked: Any) -> list[Any]:
        return sorted(self._model.hidden_states(*asked), key=itemgetter(0))


class Share(FakeTask):
    card = FakeTask.card.model_copy(update={"name": "share-of-many", "floors": (), "default_dataset": "many"})

    def run(self, model: ModelAdapter, dataset: Dataset, settings: TaskSettings, context: CellContext) -> TaskOutcome:
        return super().run(cast(ModelAdapter, InOrder(model)), dataset, settings, context)


def many() -> Dataset:
    rows = [Record(f"r{number}", sequence, "F1") for number, sequence in enumerate(sequences(SEQUENCES))]
    return build_dataset(DatasetCard(name="many", summary="random letters", simulated=True), rows)


MODELS = {
    "embedding": lambda options: Embedding("embedding", "embedding-1", max_length=100),
    "letters": lambda options: FakeModel("letters", "letters-1", max_length=100),
}
TASKS = {"share-of-many": Share}
DATASETS = {"many": many}
