"""Cells with the activation store: the same records, with less computing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.adapter import ModelOptions
from harness.errors import HarnessError
from harness.progress import Progress
from harness.result import ResultRecord
from harness.run.cell import Cell, run_cell
from tests.fakes import FakeSettings, FakeTask, fake_dataset
from tests.harness.activations.stored import Costly, flip, shards


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HARNESS_STORE", "1GB")
    return tmp_path / "cache"


def run(results: Path, force: bool = False, **settings: object) -> tuple[ResultRecord, Costly]:
    model = Costly(noise=True)
    chosen = FakeSettings.model_validate({"layers": (2,)} | settings)
    cell = Cell(model, FakeTask(), fake_dataset(), chosen, ModelOptions())
    return run_cell(cell, results, "cpu", Progress(quiet=True), force), model


def numbers(record: ResultRecord) -> Any:
    return [record.metrics, record.table, record.files, record.highlights]


def test_a_second_task_or_setting_embeds_nothing_and_gives_what_it_gives_without_a_store(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, model = run(tmp_path / "one")
    assert first.status == "done" and len(model.asked) == 3  # one by one, on a CPU
    other, model = run(tmp_path / "one", scale=2.0)
    assert other.status == "done" and not model.asked and not model.loaded
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "empty"))
    for stored, settings in ((first, {}), (other, {"scale": 2.0})):
        without, _ = run(tmp_path / "two", **settings)
        assert without.cell == stored.cell and numbers(without) == numbers(stored)


@pytest.mark.parametrize("text", ["", "0"])
def test_without_a_store_the_model_itself_runs_in_batches(
    text: str, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HARNESS_STORE", text)
    _, model = run(tmp_path)
    assert len(model.asked) == 1 and not shards(cache)


def test_force_runs_the_model(cache: Path, tmp_path: Path) -> None:
    run(tmp_path)
    _, model = run(tmp_path, force=True)
    assert model.asked


def test_after_damage_the_same_command_gives_the_undisturbed_result(cache: Path, tmp_path: Path) -> None:
    first, _ = run(tmp_path / "one")
    (path,) = shards(cache)
    flip(path, path.stat().st_size // 3)
    again, model = run(tmp_path / "two")
    assert model.asked and numbers(again) == numbers(first)


def test_a_task_that_fails_leaves_what_was_embedded(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = FakeTask.run

    def fail(*arguments: Any) -> Any:
        broken(*arguments)
        raise HarnessError("too late")

    monkeypatch.setattr(FakeTask, "run", fail)
    assert run(tmp_path)[0].status == "failed"
    monkeypatch.setattr(FakeTask, "run", broken)
    record, model = run(tmp_path)
    assert record.status == "done" and not model.asked
