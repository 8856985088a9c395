"""``harness new adapter`` writes a model that passes every law at once."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


def harness(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from harness.cli import main; main()", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, timeout=120)


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
        return subprocess.run(command, capture_output=True, text=True, cwd=written, timeout=120)

    done = run()
    assert done.returncode == 0, done.stdout
    module = written / "my_model.py"
    sound = module.read_text(encoding="utf-8")
    module.write_text(sound.replace("src_key_padding_mask=padded == 0", ""), encoding="utf-8")
    broken = run()
    module.write_text(sound, encoding="utf-8")
    assert broken.returncode == 1 and "test_law[alone-or-padded]" in broken.stdout


def test_the_class_is_of_40_lines_or_fewer_and_nothing_is_left_to_fill_in(written: Path) -> None:
    texts = {path.name: path.read_text(encoding="utf-8") for path in written.iterdir() if path.is_file()}
    assert set(texts) == {"my_model.py", "test_my_model.py", "my_model.md"}
    assert not any("$" in text for text in texts.values())
    [adapter] = [node for node in ast.parse(texts["my_model.py"]).body if isinstance(node, ast.ClassDef)]
    assert adapter.name == "MyModel" and adapter.end_lineno is not None
    assert adapter.end_lineno - adapter.lineno + 1 <= 40
    checks = ["check", "--config", str(ROOT / "pyproject.toml"), "my_model.py"]
    assert subprocess.run([sys.executable, "-m", "ruff", *checks], cwd=written, timeout=60).returncode == 0


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("my-model", "my_model.py exists already: take another name or another --dir"),
        ("My_Model", "'My_Model' is no name of a model"),
        ("my-", "'my-' is no name of a model"),
        ("rinalmo-giga", "a model called 'rinalmo-giga' exists already"),
        ("class", "'class' is a word of Python"),
        ("numpy", "'numpy' is a word of Python or an installed module"),
    ],
)
def test_what_cannot_be_written_is_refused_in_one_line(written: Path, name: str, message: str) -> None:
    before = {path: path.stat().st_mtime_ns for path in written.iterdir()}
    done = harness(written, "new", "adapter", name)
    assert done.returncode == 2 and message in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert {path: path.stat().st_mtime_ns for path in written.iterdir()} == before
