"""A fake model, task and dataset: small enough to read at a glance, real enough to go through the whole engine.

The file is a plugin, so ``harness run --plugin tests/fakes.py`` finds what it defines.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from harness.adapter import ModelAdapter, ModelCard, ModelOptions
from harness.datasets.records import Dataset, DatasetCard, Record, build_dataset
from harness.errors import HarnessError, NotApplicable, Unavailable
from harness.statistics.bootstrap import Estimate
from harness.task import (
    Basis,
    CellContext,
    Highlights,
    LayerSettings,
    Metric,
    Place,
    SeedSettings,
    TableRow,
    Task,
    TaskCard,
    TaskOutcome,
    TaskSettings,
)


class FakeModel(ModelAdapter):
    """One-hot nucleotides at every layer."""

    def __init__(self, name: str = "fake", identity: str = "fake-1", **card: object) -> None:
        fields: dict[str, object] = {
            "name": name,
            "summary": "one-hot nucleotides",
            "architecture": "one-hot",
            "capabilities": {"hidden_states"},
            "layers": 2,
            "width": 5,
            "max_length": 50,
        }
        self.card = ModelCard(**(fields | card))  # type: ignore[arg-type]
        self._identity = identity

    def identity(self) -> str:
        return self._identity

    def random_twin(self, initialisation: int = 0) -> ModelAdapter:
        return FakeModel(f"{self.card.name}:random", f"random-{initialisation}")

    def hidden_states(
        self, sequences: Sequence[str], layers: Sequence[int]
    ) -> Iterator[tuple[int, dict[int, NDArray[np.float32]]]]:
        self.check_lengths(sequences)
        for index, sequence in enumerate(sequences):
            states = np.stack([np.eye(5, dtype=np.float32)["ACGUN".index(letter)] for letter in sequence])
            yield index, {layer: states for layer in layers}


class MissingModel(FakeModel):
    def identity(self) -> str:
        raise Unavailable("missing has no weights here; run `harness prefetch missing`")


class FakeSettings(LayerSettings, SeedSettings):
    fail: bool = False
    scale: float = 1.0


class FakeTask(Task):
    """The mean share of G, which needs a hidden state to be read."""

    card = TaskCard(
        name="fake-share",
        version="1",
        summary="share of G",
        requires=frozenset({"hidden_states"}),
        default_dataset="fake-set",
        headline="share",
        floors=("{model}:random",),
    )
    settings_type = FakeSettings
    runs = 0

    def run(self, model: ModelAdapter, dataset: Dataset, settings: TaskSettings, context: CellContext) -> TaskOutcome:
        import pandas as pd

        assert isinstance(settings, FakeSettings)
        type(self).runs += 1
        if settings.fail or os.environ.get("FAKE_TASK_FAILS"):
            raise HarnessError("the fake task was told\nto fail")
        if dataset.card.name == "empty-share":
            raise NotApplicable("nothing to share")
        sequences = [record.sequence for record in dataset.records]
        with context.phase("embed"), context.progress.track("sequences", len(sequences)) as advance:
            shares = {}
            for done, (index, states) in enumerate(model.hidden_states(sequences, settings.layers), 1):
                shares[index] = float(states[settings.layers[0]][:, 2].mean()) * settings.scale
                advance(done)
        (context.artifacts / "note.txt").write_text("kept\n")
        value = sum(shares.values()) / len(shares)
        layer = settings.layers[0]
        return TaskOutcome(
            metrics={"share": Metric(value=value, low=value - 0.1, high=value + 0.1, n=len(shares))},
            used=len(shares),
            basis=Basis(
                layer=None if model.card.layers is None else layer,
                layer_is_chosen=len(settings.layers) > 1,
                item_set=dataset.fingerprint,
            ),
            draws={
                Place("share", "model", layer): Estimate(value, np.full(100, value), len(shares)),
                Place("share", "chance", layer): Estimate(0.25, np.full(100, 0.25), len(shares)),
            },
            table=[
                TableRow(name="share", source="model", layer=layer, value=value, n=len(shares)),
                TableRow(name="share", source="chance", layer=layer, value=0.25, low=0.25, high=0.25),
            ],
            roles={"model": "model", "chance": "floor"},
            skipped={"too long": 1},
            notes=["a fake"],
            highlights=Highlights(title="Best", columns=("record", "share"), rows=(("a", f"{value:.3f}"),)),
            items=pd.DataFrame({"item": [dataset.records[i].id for i in shares], "value": list(shares.values())}),
        )


def fake_dataset() -> Dataset:
    rows = [Record("a", "acgu", "F1"), Record("b", "GGGG", "F1"), Record("c", "AANN", "F2")]
    return build_dataset(DatasetCard(name="fake-set", summary="three records", simulated=True), rows)


def _fake(options: ModelOptions) -> ModelAdapter:
    return FakeModel()


MODELS = {
    "fake": _fake,
    "missing": lambda options: MissingModel("missing"),
    "mute": lambda options: FakeModel("mute", capabilities={"attention"}),
    "protein": lambda options: FakeModel("protein", alphabet="protein"),
}
TASKS = {"fake-share": FakeTask}
DATASETS = {"fake-set": fake_dataset}
