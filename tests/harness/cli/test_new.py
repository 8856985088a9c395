"""``harness new adapter`` writes a model that passes every law at once, ``harness new task`` a task that runs."""

from __future__ import annotations

import ast
import json
import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from harness.adapter import ModelOptions
from tests.model_adapters.encoder.saved_models import BERT_LETTERS, save_bert_tokenizer, save_model

ROOT = Path(__file__).parents[3]
HERE = {**os.environ, "PYTHONPATH": str(ROOT)}
"""This checkout, whatever else is installed."""


def harness(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from harness.cli import main; main()", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, timeout=120, env=HERE)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("new")
    done = harness(folder, "new", "adapter", "my-model", "--dir", "plugins")
    assert done.returncode == 0, done.stderr
    assert "harness check --plugin plugins/my_model.py --model my-model" in done.stdout
    return folder / "plugins"


def test_what_is_written_passes_harness_check(written: Path) -> None:
    done = harness(written, "check", "--plugin", "my_model.py", "--model", "my-model")
    assert done.returncode == 0, done.stdout + done.stderr
    assert " 0 fail" in done.stdout and "batch-budget         │ pass" in done.stdout


def test_the_written_test_passes_and_judges_the_written_model(written: Path) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_my_model.py"]

    def run() -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, capture_output=True, text=True, cwd=written, timeout=120, env=HERE)

    done = run()
    assert done.returncode == 0, done.stdout
    module = written / "my_model.py"
    sound = module.read_text(encoding="utf-8")
    module.write_text(sound.replace("src_key_padding_mask=padded == 0", ""), encoding="utf-8")
    broken = run()
    module.write_text(sound, encoding="utf-8")
    assert broken.returncode == 1 and "test_law[alone-or-padded]" in broken.stdout


def test_the_written_test_runs_without_pytest_and_prints_each_law(written: Path) -> None:
    (written / "pytest.py").write_text("raise ImportError('pytest is not installed')")
    done = subprocess.run(
        [sys.executable, "test_my_model.py"], capture_output=True, text=True, cwd=written, timeout=120, env=HERE
    )
    (written / "pytest.py").unlink()
    assert done.returncode == 0, done.stdout + done.stderr
    assert " 0 fail" in done.stdout and "alone-or-padded" in done.stdout


def test_the_written_twin_is_another_initialisation_of_the_same_network(written: Path) -> None:
    module = runpy.run_path(str(written / "my_model.py"))
    model = module["MODELS"]["my-model"](ModelOptions())
    adapters = [model, model.random_twin(), model.random_twin(1), model.random_twin().random_twin()]
    assert len({adapter.identity() for adapter in adapters}) == 3
    assert adapters[2].identity() == adapters[3].identity()
    embeddings = [next(iter(adapter.hidden_states(["ACGU"], [0])))[1][0] for adapter in adapters]
    assert not (embeddings[0] == embeddings[1]).any() and (embeddings[2] == embeddings[3]).all()


def test_the_class_is_of_40_lines_or_fewer_and_nothing_is_left_to_fill_in(written: Path) -> None:
    texts = {path.name: path.read_text(encoding="utf-8") for path in written.iterdir() if path.is_file()}
    assert set(texts) == {"my_model.py", "test_my_model.py", "my_model.md"}
    assert not any("$" in text for text in texts.values())
    [adapter] = [node for node in ast.parse(texts["my_model.py"]).body if isinstance(node, ast.ClassDef)]
    assert adapter.name == "MyModel" and adapter.end_lineno is not None
    lines = adapter.end_lineno - adapter.lineno + 1
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]
    promised = [int(n) for page in pages for n in re.findall(r"class of (\d+) lines or fewer", page.read_text())]
    assert promised and lines <= min(promised)
    checks = ["check", "--config", str(ROOT / "pyproject.toml"), "my_model.py"]
    assert subprocess.run([sys.executable, "-m", "ruff", *checks], cwd=written, timeout=60).returncode == 0


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("my-model", "my_model.py already exists: choose another name or another --dir"),
        ("My_Model", "'My_Model' is not a valid name: use lowercase letters"),
        ("my-", "'my-' is not a valid name: use lowercase letters"),
        ("rinalmo-giga", "a model named 'rinalmo-giga' already exists"),
        ("class", "'class' is a Python keyword or"),
        ("numpy", "'numpy' is a Python keyword or an installed module"),
    ],
)
def test_what_cannot_be_written_is_refused_in_one_line(written: Path, name: str, message: str) -> None:
    before = {path: path.stat().st_mtime_ns for path in written.iterdir()}
    done = harness(written, "new", "adapter", name)
    assert done.returncode == 2 and message in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert {path: path.stat().st_mtime_ns for path in written.iterdir()} == before


@pytest.fixture
def bert(tmp_path: Path) -> Path:
    folder = tmp_path / "it's my_bert"
    save_bert_tokenizer(folder, BERT_LETTERS)
    save_model(folder, "Bert", "BertForMaskedLM", BERT_LETTERS)
    return folder


def test_a_saved_model_is_read_from_its_folder(bert: Path, tmp_path: Path) -> None:
    done = harness(tmp_path, "new", "adapter", "my-bert", "--from", str(bert), "--dir", "plugins")
    assert done.returncode == 0, done.stderr
    for said in (
        "architecture: bert, 2 layers, 4 heads, width 32, 18,601 parameters",
        "BertForMaskedLM with the 9 tokens of its own tokenizer: letters A C G U N; [CLS] before a sequence, [SEP]",
        "tokens: single nucleotide",
        "longest input: 62 nt",
        "language-model head: masked log-probabilities",
        "note: a token with an N that its vocabulary lacks is read as [UNK]",
        "next: harness check --plugin plugins/my_bert.py --model my-bert",
    ):
        assert said in done.stdout
    code = [line for line in (tmp_path / "plugins/my_bert.py").read_text().splitlines() if line and line[0] not in '"#']
    assert len(code) == 3
    for model in ("my-bert", "my-bert:random"):
        done = harness(tmp_path, "check", "--plugin", "plugins/my_bert.py", "--model", model)
        assert done.returncode == 0 and " 0 fail" in done.stdout, done.stdout + done.stderr


def test_what_a_folder_leaves_open_is_said_in_one_line(bert: Path, tmp_path: Path) -> None:
    nothing = harness(tmp_path, "new", "adapter", "my-bert", "--from", str(tmp_path))
    assert nothing.returncode == 2 and "contains no config.json" in nothing.stderr
    assert not (tmp_path / "my_bert.py").exists()
    letters = (*BERT_LETTERS, "T")
    save_bert_tokenizer(bert, letters)
    save_model(bert, "Bert", "BertForMaskedLM", letters)
    opened = harness(tmp_path, "new", "adapter", "my-bert", "--from", str(bert))
    assert opened.returncode == 2 and len(opened.stderr.splitlines()) == 1
    assert "my_bert.py was written but is not complete" in opened.stderr and 'state letters="RNA"' in opened.stderr


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("task")
    done = harness(folder, "new", "task", "my-task", "--dir", "plugins")
    assert done.returncode == 0, done.stderr
    assert "harness run --plugin plugins/my_task.py --model kmer-2 --task my-task" in done.stdout
    return folder / "plugins"


def test_the_written_task_runs_beside_its_floor(task: Path) -> None:
    asked = ["run", "--plugin", "my_task.py", "--model", "kmer-2", "--task", "my-task", "--limit", "6", "--json"]
    done = harness(task, *asked)
    assert done.returncode == 0, done.stderr
    cells = json.loads(done.stdout)["cells"]
    assert [cell["model"]["card"]["name"] for cell in cells] == ["kmer-2", "kmer-1"]
    better, floor = (cell["metrics"]["accuracy"] for cell in cells)
    assert better["low"] <= better["value"] <= better["high"] and better["n"] == 6
    assert better["value"] > floor["value"] > 1 / 6


def test_the_written_test_passes_and_notices_a_wrong_task(task: Path) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_my_task.py"]

    def run() -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, capture_output=True, text=True, cwd=task, timeout=120, env=HERE)

    done = run()
    assert done.returncode == 0, done.stdout
    module = task / "my_task.py"
    sound = module.read_text(encoding="utf-8")
    module.write_text(sound.replace(" - 3 * np.eye(len(unit))", ""), encoding="utf-8")  # its own nearest neighbour
    broken = run()
    module.write_text(sound, encoding="utf-8")
    assert broken.returncode == 1 and "test_the_nearest_neighbour_decides" in broken.stdout


def test_the_written_task_is_short_complete_and_clean(task: Path) -> None:
    texts = {path.name: path.read_text(encoding="utf-8") for path in task.iterdir() if path.is_file()}
    assert set(texts) == {"my_task.py", "test_my_task.py"}
    assert not any("$" in text for text in texts.values())
    assert len(texts["my_task.py"].splitlines()) <= 60
    config = ["--config", str(ROOT / "pyproject.toml"), "my_task.py", "test_my_task.py"]
    for verb in (["check"], ["format", "--check"]):
        command = [sys.executable, "-m", "ruff", *verb, *config]
        assert subprocess.run(command, cwd=task, timeout=60).returncode == 0


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("my-task", "my_task.py already exists: choose another name or another --dir"),
        ("structure-f1", "a task named 'structure-f1' already exists"),
        ("My_Task", "'My_Task' is not a valid name: use lowercase letters"),
    ],
)
def test_a_task_that_cannot_be_written_is_refused_in_one_line(task: Path, name: str, message: str) -> None:
    before = {path: path.stat().st_mtime_ns for path in task.iterdir()}
    done = harness(task, "new", "task", name)
    assert done.returncode == 2 and message in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert {path: path.stat().st_mtime_ns for path in task.iterdir()} == before
