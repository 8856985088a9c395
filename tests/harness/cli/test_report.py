"""``harness report`` and ``harness export`` from the command line."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import yaml

from harness.cli import main
from tests.harness.publish.report.made import results


def harness(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["harness", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    results(tmp_path / "results")
    return tmp_path


def test_the_report_is_written_and_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert harness(monkeypatch, "report") == 0
    assert Path("results/report.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    told = capsys.readouterr()
    assert told.out.startswith("results/report.html (0.") and "5 records" in told.out and told.err == ""
    first = Path("results/report.html").read_bytes()
    assert harness(monkeypatch, "report", "--out", "results/again.html") == 0
    assert Path("results/again.html").read_bytes() == first


@pytest.mark.parametrize("verb", [["report"], ["export", "--format", "every-eval-ever"]], ids=["report", "export"])
def test_without_results_the_error_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], verb: list[str]
) -> None:
    assert harness(monkeypatch, *verb, "--results", "nothing") == 2
    assert "`harness run` creates one" in capsys.readouterr().err
    Path("empty").mkdir()
    assert harness(monkeypatch, *verb, "--results", "empty") == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_every_result_of_a_model_is_exported(monkeypatch: pytest.MonkeyPatch) -> None:
    assert harness(monkeypatch, "export", "--format", "every-eval-ever", "--organisation", "us") == 0
    documents = [json.loads(path.read_text()) for path in Path("export").rglob("*.json")]
    assert sorted(document["model_info"]["name"] for document in documents) == ["another", "fake", "fake"]
    assert {document["source_metadata"]["source_organization_name"] for document in documents} == {"us"}


def test_hugging_face_needs_to_know_the_benchmark(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert harness(monkeypatch, "export", "--format", "hugging-face") == 2
    assert "--hub-dataset OWNER/NAME" in capsys.readouterr().err
    assert harness(monkeypatch, "export", "--format", "hugging-face", "--hub-dataset", "us/benchmark") == 0
    entries = [yaml.safe_load(path.read_text()) for path in Path("export").rglob("*.yaml")]
    assert len(entries) == 3 and {entry[0]["dataset"]["id"] for entry in entries} == {"us/benchmark"}
