"""What README.md says can be typed can be typed, its example runs, and the published pages follow from the records."""

from __future__ import annotations

import re
import shlex
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from harness.cli import main
from harness.datasets.manifest import manifests
from harness.registry import Registry
from harness.result import read_records

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
TINY = ["--limit", "2", "--device", "cpu"]
TINY += [f"--set={text}" for text in ("features=16", "k=2", "steps=3", "batch_size=64", "draws=100", "seeds=0")]


def harness(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["harness", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


def commands() -> list[list[str]]:
    """Every command line of the README that starts with ``harness``, settings of the environment left out."""
    joined = README.replace("\\\n", " ")
    lines = [line.strip() for line in joined.splitlines() if line.startswith("    ")]
    spans = re.findall(r"`(harness [^`]+)`", joined)
    found = [re.sub(r"^(?:[A-Z_]+=\S+ +)*", "", line).partition("#")[0] for line in [*lines, *spans]]
    return [shlex.split(line) for line in found if line.startswith("harness ")]


def test_every_command_and_option_exists(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    offered: dict[str, set[str]] = {}
    for verb in {command[1] for command in commands()}:
        assert harness(monkeypatch, verb, "--help") == 0, f"no verb {verb!r}"
        offered[verb] = set(re.findall(r"--[a-z][a-z-]+", capsys.readouterr().out))
    assert {"run", "list", "leaderboard"} <= set(offered)
    for command in commands():
        named = {part.partition("=")[0] for part in command if part.startswith("--")}
        assert named <= offered[command[1]], command
    outside_pip = re.sub(r"`pip [^`]+`", "", README)
    named = set(re.findall(r"--[a-z][a-z-]+", outside_pip))
    assert named and named <= set.union(*offered.values())


def test_every_model_task_and_dataset_exists() -> None:
    registry = Registry.discover()
    known = {
        "--model": {*registry.models, *re.findall(r'MODELS = {"([^"]+)"', README)},
        "--task": set(registry.tasks),
        "--dataset": {*registry.datasets, *(manifest.file for manifest in manifests().values())},
    }
    named = [pair for command in commands() for pair in pairwise(command) if pair[0] in known]
    assert {option for option, _ in named} == set(known)
    for option, name in named:
        assert name in known[option] or name.isupper(), f"{option} {name}"


def test_the_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    (source,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    (command,) = [command for command in commands() if "--plugin" in command]
    monkeypatch.chdir(tmp_path)
    Path(command[command.index("--plugin") + 1]).write_text(source, encoding="utf-8")
    code = harness(monkeypatch, *command[1:], *TINY)
    output = capsys.readouterr()
    assert code == 0, output.err
    ((_, record),) = read_records(tmp_path / "results")[0]
    assert record.status == "done" and record.model.card.name == "one-hot" and record.settings["preset"] == "demo"
    assert "auroc_macro beside its controls" in output.out and "kmer" in output.out


def test_the_example_obeys_every_law(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (source,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    (tmp_path / "one_hot.py").write_text(source, encoding="utf-8")
    code = harness(monkeypatch, "check", "--plugin", str(tmp_path / "one_hot.py"), "--model", "one-hot")
    assert code == 0, capsys.readouterr().out


def test_the_published_pages_follow_from_the_records(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if not list(ROOT.glob("leaderboards/results/*/*/*/*.json")):
        pytest.skip("leaderboards/results holds no record yet")
    monkeypatch.chdir(ROOT)
    code = harness(monkeypatch, "leaderboard", "--results", "leaderboards/results", "--out", "leaderboards", "--check")
    assert code == 0, capsys.readouterr().err
