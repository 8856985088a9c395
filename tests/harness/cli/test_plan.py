"""``harness plan``, ``harness status`` and the export of a plan, as a user types them."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from harness.cli import app
from harness.errors import InputError
from harness.storage.lock import exclusive
from tests import fake_slurm, fakes

PLUGIN = ["--plugin", fakes.__file__]
ASKED = ["--model", "fake", "--task", "fake-share", *PLUGIN]
ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def typed(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, list(arguments))
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, done.stdout


def states(out: str) -> dict[str, str]:
    """Model -> state of the table that was printed."""
    rows = [[part.strip() for part in line.split("│")[1:-1]] for line in out.splitlines() if line.startswith("│")]
    return {row[2]: next(part for part in reversed(row) if part) for row in rows}


def test_a_dry_run_tells_what_is_done_and_what_the_rest_costs_and_writes_nothing(tmp_path: Path) -> None:
    _, out = typed("plan", *ASKED, "--dry-run")
    assert "2 cells, 0 finished, 2 to run: 2 of unknown cost" in out and not list(tmp_path.iterdir())
    typed("run", *ASKED, "--no-floors", "--device", "cpu")
    (record,) = (tmp_path / "results").rglob("*.json")
    _, out = typed("plan", *ASKED, "--dry-run")
    assert "2 cells, 1 finished, 1 to run: 0 s one after another" in out and "(from other models)" in out
    assert states(out) == {"fake": "done", "fake:random": "missing"}
    assert [path for path in (tmp_path / "results").rglob("*.json")] == [record]


def test_status_shows_what_has_become_of_every_planned_cell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match=r"plan.json does not exist: `harness plan --results results …` writes it"):
        typed("status")
    for scale in ("1", "2", "3", "4"):
        typed("plan", *ASKED, "--set", f"scale={scale}", "--no-floors")
    typed("plan", *ASKED, "--set", "scale=1", "--no-floors")  # twice is once
    with pytest.raises(InputError, match=r"the plan needs plugins: add --plugin .*fakes.py"):
        typed("status")
    typed("run", *ASKED, "--set", "scale=1", "--no-floors", "--device", "cpu")
    with monkeypatch.context() as patch:
        patch.setenv("FAKE_TASK_FAILS", "1")
        typed("run", *ASKED, "--set", "scale=2", "--no-floors", "--device", "cpu")
    code, out = typed("status", *PLUGIN)
    assert code == 1 and "4 cells: 1 done, 1 failed, 2 missing" in out and "told to fail" in out
    from harness.run.executors.jobs import key_of
    from harness.run.written import planned_for

    results = tmp_path / "results"
    cells = [own.cell for own in planned_for(results, [Path(fakes.__file__)])]
    cluster = fake_slurm.install(tmp_path / "cluster", monkeypatch)
    (results / "slurm").mkdir()
    jobs = {key_of(cell, results): f"7_{number}" for number, cell in enumerate(cells)}
    (results / "slurm" / "jobs.json").write_text(json.dumps(jobs))
    (cluster / "queue" / "7_1").touch()  # a job that was submitted again after a failure
    cells[2].work(results).mkdir()
    with exclusive(cells[3].path(results).with_suffix(".lock"), print):
        _, out = typed("status", *PLUGIN)
        assert "4 cells: 1 done, 1 queued, 1 stopped, 1 running" in out
        assert "job 7_1" in out and f"process {os.getpid()} on" in out
    (cluster / "down").touch()
    _, out = typed("status", *PLUGIN)
    assert "1 done, 1 failed, 1 stopped, 1 missing; squeue does not answer" in out.replace("\n", " ")


def test_a_plan_as_a_snakefile_ends_in_the_same_records(tmp_path: Path) -> None:
    """Its commands are run as snakemake would; snakemake itself is not needed to write them."""
    typed("plan", "--model", "fake,missing", "--task", "fake-share", *PLUGIN)
    _, out = typed("export", "--format", "snakemake", *PLUGIN)
    text = Path(out.strip()).read_text()
    outputs = re.findall(r"^    output: '(.*)'$", text, re.MULTILINE)
    commands = re.findall(r"^    shell: '(.*)'$", text, re.MULTILINE)
    assert len(outputs) == len(commands) == 2  # the model that is not here has no rule
    assert ran(commands[0]) == 0 and Path(outputs[0]).is_file()
    assert ran(commands[1], FAKE_TASK_FAILS="1") == 1  # its record is there, and says so


def ran(command: str, **variables: str) -> int:
    setting, *words = shlex.split(command.format(threads=2))
    environment = os.environ | dict([setting.split("=")]) | {"PYTHONPATH": str(ROOT)} | variables
    return subprocess.run(words, capture_output=True, env=environment).returncode


def test_long_is_a_setting_of_run_plan_and_sweep(tmp_path: Path) -> None:
    windows = ["--model", "kmer-2", "--task", "overlap-ratio", "--no-floors", "--long", "window"]
    assert typed("plan", *windows)[0] == 0
    assert json.loads((tmp_path / "results" / "plan.json").read_text())[0]["settings"]["long"] == "window"
    for verb in (["plan"], ["run", "--device", "cpu"], ["sweep", "--set", "scale=1,2", "--device", "cpu"]):
        with pytest.raises(InputError, match=r"fake-share reads every sequence as a whole"):
            typed(*verb, *ASKED, "--long", "window")
    with pytest.raises(InputError, match=r"fake-share: long: Input should be 'skip' or 'window', not 'cut'"):
        typed("plan", *ASKED, "--long", "cut")
