"""A plugin whose cells write down what they do, and die or hang where they are told to, for tests of executors.

``$TRACE`` is a file for lines; ``$DIES`` and ``$HANGS`` name models. The model that a file named after it in
``$TRACE.once/`` stands for dies once, and the one in ``$TRACE.hangs/`` hangs until it is removed.
"""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from harness.adapter import ModelAdapter
from harness.datasets.records import Dataset
from harness.task import CellContext, TaskCard, TaskOutcome, TaskSettings
from tests.fakes import FakeModel, FakeTask, fake_dataset


def _trace(*words: object) -> None:
    if path := os.environ.get("TRACE"):
        with Path(path).open("a") as opened:
            opened.write(" ".join(map(str, words)) + "\n")  # one write: lines of processes do not mix


class SlowModel(FakeModel):
    loaded = False

    def load(self, device: str = "cpu") -> None:
        if not self.loaded:
            _trace("load", self.card.name, os.getpid())
        self.loaded = True

    def unload(self) -> None:
        self.loaded = False


class Traced(FakeTask):
    card = FakeTask.card.model_copy(update={"name": "traced", "floors": ()})

    def run(self, model: ModelAdapter, dataset: Dataset, settings: TaskSettings, context: CellContext) -> TaskOutcome:
        name = model.card.name
        model.load(context.device)
        _trace("run", name, os.getpid())
        _trace("threads", os.environ.get("OMP_NUM_THREADS"))
        trace = os.environ.get("TRACE", "")
        if (once := Path(f"{trace}.once", name)).exists():
            once.unlink()
            os.kill(os.getpid(), signal.SIGKILL)
        if name in os.environ.get("DIES", "").split():
            os.kill(os.getpid(), signal.SIGKILL)
        while name in os.environ.get("HANGS", "").split() or Path(f"{trace}.hangs", name).exists():
            time.sleep(0.05)
        return super().run(model, dataset, settings, context)


class TracedToo(Traced):
    card: TaskCard = Traced.card.model_copy(update={"name": "traced-too"})


MODELS = {
    name: (lambda options, name=name: SlowModel(name, f"{name}-1")) for name in ("slow-a", "slow-b", "slow-c", "slow-d")
}
TASKS = {"traced": Traced, "traced-too": TracedToo}
DATASETS = {"fake-set": fake_dataset}
