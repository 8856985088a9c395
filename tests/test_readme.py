"""What README.md says can be typed can be typed, its example runs, and what it and docs/data.md tell is so."""

from __future__ import annotations

import re
import shlex
import sys
import tomllib
from itertools import pairwise
from pathlib import Path

import pytest
import yaml

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
        "--task": {*registry.tasks, *re.findall(r"harness new task ([a-z-]+)", README)},
        "--dataset": {*registry.datasets, *(manifest.file for manifest in manifests().values())},
    }
    named = [pair for command in commands() for pair in pairwise(command) if pair[0] in known]
    assert {option for option, _ in named} == set(known)
    for option, name in named:
        assert name in known[option] or name.isupper(), f"{option} {name}"


def test_the_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    (source,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    (command,) = [command for command in commands() if "one_hot.py" in command]
    monkeypatch.chdir(tmp_path)
    Path(command[command.index("--plugin") + 1]).write_text(source, encoding="utf-8")
    code = harness(monkeypatch, *command[1:], *TINY)
    output = capsys.readouterr()
    assert code == 0, output.err
    ((_, record),) = read_records(tmp_path / "results")[0]
    assert record.status == "done" and record.model.card.name == "one-hot" and record.settings["preset"] == "demo"
    assert "mean AUROC beside its controls" in output.out and "kmer" in output.out


def rows(text: str, columns: int) -> list[list[str]]:
    """Cells of the Markdown tables of so many columns, backticks left out; no headers."""
    lines = [line.strip("| ").split(" | ") for line in text.replace("`", "").splitlines() if line.startswith("| ")]
    return [cells for cells in lines if len(cells) == columns and cells[0] not in ("model", "name")]


def test_run_times_are_those_of_the_published_records() -> None:
    """Within a factor of two, which is what a time on another day means; the shortest of several runs."""
    found, _ = read_records(ROOT / "leaderboards" / "results")
    seconds: dict[tuple[str, str, str], float] = {}
    for _, record in found:
        cell = record.model.card.name, record.task.name, record.dataset.name
        seconds[cell] = min(seconds.get(cell, float("inf")), sum(record.environment.seconds.values()))
    told = rows(README[README.index("Run times") :].partition("\n## ")[0], 4)
    assert told
    for model, task, dataset, time in told:
        count, unit = time.split()
        ratio = int(count) * {"s": 1, "min": 60}[unit] / seconds[model, task, dataset.partition(",")[0]]
        assert 0.5 < ratio < 2, (model, task, dataset)


def size(path: Path) -> str:
    count = path.stat().st_size
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{count / 1e3:.0f} kB"


def data_table() -> list[list[str]]:
    return rows((ROOT / "docs" / "data.md").read_text(encoding="utf-8"), 4)


def test_the_table_of_data_names_every_file_and_its_source() -> None:
    known = [[manifest.name, manifest.file, manifest.source] for manifest in manifests().values() if manifest.file]
    assert known and sorted(row[:3] for row in data_table()) == sorted(known)


def test_the_table_of_data_has_the_sizes_of_the_files(data_folder: Path) -> None:
    assert [row[3] for row in data_table()] == [size(data_folder / row[1]) for row in data_table()]


def test_the_citation_is_of_this_version() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert (citation["cff-version"], citation["type"]) == ("1.2.0", "software")
    assert (citation["version"], citation["license"]) == (project["version"], project["license"])
    assert citation["title"].startswith(project["name"]) and citation["message"] and citation["authors"]


def test_the_demo_ends_with_where_everything_is() -> None:
    recipe = (ROOT / "Makefile").read_text(encoding="utf-8").partition("\ndemo:")[2].partition("\n\n")[0]
    model, task, dataset = re.findall(r"--(?:model|task|dataset) (\S+)", recipe)
    last = recipe.splitlines()[-1]
    assert f"results/leaderboards/{task}.md" in last and f"results/{task}/{dataset}/{model}/" in last
    assert ". $(BIN)/activate" in last


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


def test_results_are_those_of_the_leaderboards() -> None:
    overview = (
        (ROOT / "leaderboards" / "README.md").read_text(encoding="utf-8").partition("<!-- end of standings -->")[0]
    )
    table = [line.replace("](", "](leaderboards/") for line in overview.splitlines() if line.startswith("|")]
    shown = README[README.index("## Results") :].partition("\n## ")[0]
    assert [line for line in shown.splitlines() if line.startswith("|")] == table
    linked = re.findall(r"\]\((leaderboards/[^)#]+)\)", shown)
    assert any(name.endswith(".svg") for name in linked) and all((ROOT / name).is_file() for name in linked)
