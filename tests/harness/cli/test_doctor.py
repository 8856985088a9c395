"""``harness doctor``: one screen, whatever is missing."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from harness.cli import app
from harness.cli.console import WIDTH
from harness.datasets.manifest import manifests
from harness.run import machine
from tests import fakes
from tests.local_hub import LocalHub, point_at


@pytest.fixture(autouse=True)
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HARNESS_DATA", raising=False)
    monkeypatch.delenv("HARNESS_WEIGHTS", raising=False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)


def lines() -> dict[str, Any]:
    done = CliRunner().invoke(app, ["doctor", "--json"])
    assert done.exit_code == 0, done.output
    return {line["what"]: line for line in json.loads(done.stdout)["machine"]}


def missing() -> dict[str, str]:
    """What to type, by the line that says what is missing."""
    done = CliRunner().invoke(app, ["doctor", "--json"])
    return {line["found"]: line["to_do"] for line in json.loads(done.stdout)["machine"] if not line["what"]}


def test_it_is_one_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.util.find_spec
    tools = {tool.module for tool in machine.TOOLS}
    monkeypatch.setattr(machine.importlib.util, "find_spec", lambda name: None if name in tools else real(name))
    done = CliRunner().invoke(app, ["doctor"])
    printed = done.stdout.splitlines()
    assert done.exit_code == 0 and len(printed) <= 24 and max(map(len, printed)) <= WIDTH
    assert "'rna-harness[vienna,motifs,hub,hdf5]'" in done.stdout


def test_a_bare_machine_is_told_what_to_type() -> None:
    found = lines()
    assert found["weights"]["found"].startswith("1 of ") and "ncrna-nano" in found["weights"]["found"]
    assert found["weights"]["to_do"] == "harness prefetch --model NAME"
    assert found["data folder"]["to_do"] == "export HARNESS_DATA=FOLDER (docs/data.md)"
    assert "pdb-rna is missing (dependency-map, probe-structure, similarity, structure-f1)" in missing()
    assert (
        missing()["pdb-rna is missing (dependency-map, probe-structure, similarity, structure-f1)"]
        == "harness prefetch --dataset pdb-rna"
    )
    assert found["hub"]["to_do"] == "unset HF_HUB_OFFLINE"
    assert "CPU cores" in found["device"]["found"] and "available" in found["memory"]["found"]


def test_what_is_here_needs_nothing_typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for manifest in manifests().values():
        if manifest.file:
            path = tmp_path / "data" / manifest.file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    monkeypatch.setenv("HARNESS_DATA", str(tmp_path / "data"))
    with LocalHub() as hub:
        point_at(hub, tmp_path / "hub", monkeypatch)
        found = lines()
        assert not any(" is missing (" in line for line in missing())
    assert found["hub"] == {"what": "hub", "found": f"{hub.url} answers", "to_do": ""}
    assert found["data folder"]["to_do"] == "" and "structure-f1" in found["tasks"]["found"]


def test_folders_that_are_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARNESS_DATA", str(tmp_path / "no where"))
    monkeypatch.setenv("HARNESS_CACHE", "/proc/cache")
    found = lines()
    assert found["data folder"]["to_do"] == f"mkdir -p '{tmp_path}/no where'"
    assert "cannot be written" in found["cache"]["found"] and found["cache"]["to_do"] == "export HARNESS_CACHE=FOLDER"


def test_models_of_a_plugin_are_counted() -> None:
    done = CliRunner().invoke(app, ["doctor", "--json", "--plugin", fakes.__file__])
    weights = next(line for line in json.loads(done.stdout)["machine"] if line["what"] == "weights")
    assert "fake" in weights["found"]
