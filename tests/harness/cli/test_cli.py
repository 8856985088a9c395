"""The command line as a user types it, in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests import fakes

PLUGIN = ["--plugin", fakes.__file__]
FAKE = ["--model", "fake", "--task", "fake-share", *PLUGIN]


def harness(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from harness.cli import main; main()", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, timeout=120)


def test_run_prints_a_table_and_a_second_run_skips(tmp_path: Path) -> None:
    first = harness("run", *FAKE, "--device", "cpu", cwd=tmp_path)
    assert first.returncode == 0, first.stderr
    assert "0.417 [0.317, 0.517]" in first.stdout and "simulated data" in first.stdout
    assert first.stderr.startswith("dataset fake-set: 3 records, SIMULATED (three records)")
    second = harness("run", *FAKE, cwd=tmp_path)
    assert second.returncode == 0 and second.stderr.count("already done") == 2
    assert len(list((tmp_path / "results").rglob("*.json"))) == 2


def test_json_is_one_document_and_nothing_else(tmp_path: Path) -> None:
    done = harness("run", *FAKE, "--json", "--no-floors", "--device", "cpu", cwd=tmp_path)
    document = json.loads(done.stdout)
    assert [cell["status"] for cell in document["cells"]] == ["done"]
    assert list(document) == ["cells"]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["run", "--model", "fka", "--task", "fake-share", *PLUGIN], 2, "error: no model is called 'fka'. Did you"),
        (["run", "--model", "fake", "--task", "fake", *PLUGIN], 2, "Did you mean fake-share?"),
        (["run", *FAKE, "--dataset", "fake-sett"], 2, "fake-set"),
        (["run", *FAKE, "--layer", "9"], 2, "fake has layers 0 to 2"),
        (["run", *FAKE, "--set", "scale"], 2, "is not of the form key=value"),
        (["run", *FAKE, "--dtype", "int8"], 2, "--dtype is float32 or bfloat16"),
        (["run", *FAKE, "--device", "tpu"], 2, "device 'tpu' is not one of"),
        (["run", *FAKE, "--results", "/proc/results"], 2, "cannot be written to"),
        (["run", *FAKE, "--set", "fail=true", "--device", "cpu"], 1, "the fake task was told to fail"),
        (["run", "--model", "missing", "--task", "fake-share", *PLUGIN, "--no-floors"], 3, "harness prefetch missing"),
        (["leaderboard", "--results", "nowhere"], 2, "results folder nowhere does not exist"),
    ],
)
def test_errors_are_one_line_with_the_right_code(tmp_path: Path, arguments: list[str], code: int, message: str) -> None:
    done = harness(*arguments, cwd=tmp_path)
    assert done.returncode == code, done.stderr
    errors = [line for line in done.stderr.splitlines() if line.startswith("error:")]
    assert message in errors[0] and "Traceback" not in done.stderr


def test_debug_shows_the_traceback(tmp_path: Path) -> None:
    done = harness("run", *FAKE, "--set", "fail=true", "--debug", "--no-floors", "--device", "cpu", cwd=tmp_path)
    assert "Traceback" in done.stderr and done.returncode == 1


def test_a_mixed_run_reports_every_cell(tmp_path: Path) -> None:
    models = ["--model", "fake,mute", "--model", "missing"]
    done = harness(
        "run", *models, "--task", "fake-share", *PLUGIN, "--json", "--no-floors", "--device", "cpu", cwd=tmp_path
    )
    statuses = [cell["status"] for cell in json.loads(done.stdout)["cells"]]
    assert statuses == ["done", "not-applicable", "unavailable"] and done.returncode == 3


def test_leaderboard_is_written_and_checked(tmp_path: Path) -> None:
    harness("run", *FAKE, "--device", "cpu", cwd=tmp_path)
    assert harness("leaderboard", "--check", cwd=tmp_path).returncode == 1
    assert harness("leaderboard", cwd=tmp_path).returncode == 0
    assert harness("leaderboard", "--check", cwd=tmp_path).returncode == 0
    folder = tmp_path / "results" / "leaderboards"
    link = (folder / "fake-share.md").read_text().split("](")[1].split(")")[0]
    assert (folder / link).is_file()


@pytest.mark.parametrize("kind", ["models", "tasks", "datasets"])
def test_list(tmp_path: Path, kind: str) -> None:
    shown = harness("list", kind, *PLUGIN, cwd=tmp_path)
    assert shown.returncode == 0, shown.stderr
    rows = json.loads(harness("list", kind, "--json", *PLUGIN, cwd=tmp_path).stdout)[kind]
    assert len(rows) >= 2 and all("name" in row for row in rows)


def test_help_loads_no_heavy_library(tmp_path: Path) -> None:
    code = (
        "import sys; sys.argv = ['harness', '--help']\n"
        "try:\n    from harness.cli import main; main()\n"
        "except SystemExit: pass\n"
        "print({'torch', 'multimolecule', 'numpy', 'pandas', 'pydantic'} & set(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, timeout=60)
    assert done.stderr.strip() == "set()"
