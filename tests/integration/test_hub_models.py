"""A checkpoint of every architecture, saved in parts by its library, from a hub on this machine to results."""

from __future__ import annotations

import json
import shutil
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from harness.adapter import ModelOptions
from harness.datasets.records import DatasetCard, Record, build_dataset
from harness.progress import Progress
from harness.run.cell import Cell, run_cell
from harness.sequences.alignment import Alignment
from harness.storage import hub
from harness.storage.weights import INDEX
from model_adapters.encoder.adapter import EncoderAdapter
from model_adapters.encoder.checkpoint import random_network
from model_adapters.encoder.entry import STAND_IN
from model_adapters.rnamsm.adapter import RnaMsmAdapter
from tests.fakes import FakeTask
from tests.local_hub import LocalHub, point_at
from tests.model_adapters.encoder.test_spelling import ARCHITECTURES


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalHub]:
    with LocalHub() as running:
        point_at(running, tmp_path / "hub", monkeypatch)
        monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
        monkeypatch.setattr(hub, "WAITS", (0.01,))
        yield running


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_architecture_runs_from_the_hub(name: str, server: LocalHub, tmp_path: Path) -> None:
    entry = ARCHITECTURES[name].model_copy(
        update={"hub_id": f"multimolecule/{name}", "revision": "main", "packaged": None}
    )
    saved = tmp_path / "saved"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        random_network(entry, 3).save_pretrained(saved, max_shard_size="3KB")  # type: ignore[operator]  # not typed
    assert (saved / INDEX).is_file() and len(list(saved.glob("*.safetensors"))) > 1
    if entry.tokens.kind == "byte pair":
        shutil.copy(STAND_IN, saved / "tokenizer.json")
    server.add(f"multimolecule/{name}", saved)
    adapter_class = RnaMsmAdapter if name == "rnamsm" else EncoderAdapter
    adapter = adapter_class(entry, ModelOptions())
    assert not adapter.available()
    identity = adapter.identity()
    assert adapter.available() and server.served("/cdn/") == len(list(saved.glob("*.safetensors")))
    given = [Alignment("a", ("ACGUAC", "AC-UAC"))] if name == "rnamsm" else ["MKVLAA" if name == "esm2" else "ACGUAC"]
    ((_, states),) = adapter.hidden_states(given, [-1])
    direct = adapter_class(entry, ModelOptions(saved))
    ((_, expected),) = direct.hidden_states(given, [-1])
    np.testing.assert_array_equal(states[-1], expected[-1])
    assert direct.identity() == identity
    if name in ("rnamsm", "esm2"):
        return
    dataset = build_dataset(DatasetCard("one", "one sequence"), [Record("a", "ACGUAC")])
    settings = FakeTask.settings_type(layers=(0,))
    cell = Cell(adapter_class(entry, ModelOptions()), FakeTask(), dataset, settings, ModelOptions())
    record = run_cell(cell, tmp_path / "results", "cpu", Progress(quiet=True))
    assert record.status == "done", record.error
    assert record.model.identity == identity and record.model.card.hub_id == f"multimolecule/{name}"
    assert json.loads(cell.path(tmp_path / "results").read_text())["status"] == "done"
