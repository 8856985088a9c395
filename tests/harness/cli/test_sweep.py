"""``harness sweep`` as a user types it: what it says first, what it skips, what it refuses, what it leaves."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from harness.cli import app
from harness.errors import InputError
from tests import fakes

FAKE = ["sweep", "--model", "fake", "--task", "fake-share", "--plugin", fakes.__file__, "--device", "cpu"]


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def swept(*arguments: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, [*FAKE, *arguments])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, done.stdout, done.stderr


def test_cells_are_counted_first_and_finished_ones_are_skipped(tmp_path: Path) -> None:
    code, out, told = swept("--set", "scale=1,2")
    assert code == 0
    assert "2 combinations of scale, 4 cells (2 of them controls): 0 finished, 4 to run" in told
    assert told.index("to run") < told.index("fake-share · fake-set · fake")
    assert "0.417 [0.317, 0.517]" in out and "0.833 [0.733, 0.933]" in out and max(map(len, out.splitlines())) <= 100
    assert {path.name for path in (tmp_path / "sweeps").iterdir() if path.is_file()} >= {"sweep.md", "sweep.csv"}
    assert not (tmp_path / "results").exists()
    page = (tmp_path / "sweeps" / "sweep.md").read_text()
    _, _, again = swept("--set", "scale=1,2,3")
    assert "3 combinations of scale, 6 cells (3 of them controls): 4 finished, 2 to run" in again
    assert again.count("already done") == 4
    assert (tmp_path / "sweeps" / "sweep.md").read_text() != page
    _, _, forced = swept("--set", "scale=1,2", "--force")
    assert "0 finished, 4 to run" in forced and "already done" not in forced
    assert (tmp_path / "sweeps" / "sweep.md").read_text() == page


def test_the_cells_of_an_earlier_run_count_where_the_folder_is_shared(tmp_path: Path) -> None:
    run = ["run", *FAKE[1:], "--set", "scale=2", "--no-floors"]
    CliRunner().invoke(app, run)
    _, _, told = swept("--set", "scale=1,2", "--no-floors", "--results", "results", "--out", "page")
    assert "2 cells: 1 finished, 1 to run" in told
    assert (tmp_path / "page" / "sweep.md").exists() and not (tmp_path / "results" / "sweep.md").exists()


def test_a_bad_value_is_refused_before_anything_runs(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^scale=x: fake-share: scale: "):
        swept("--set", "scale=1,x")
    assert not list(tmp_path.iterdir())


def test_a_combination_that_fails_is_named_and_the_others_are_shown(tmp_path: Path) -> None:
    code, out, told = swept("--set", "fail=false,true", "--no-floors")
    assert code == 1 and "0.417" in out
    assert "error: fake on fake-share, fail=true: the fake task was told to fail" in told
    assert "- fake, fail=true: the fake task was told to fail" in (tmp_path / "sweeps" / "sweep.md").read_text()


def test_cells_of_unlike_settings_never_share_a_table(tmp_path: Path) -> None:
    swept("--set", "scale=1,2")
    CliRunner().invoke(app, ["leaderboard", "--results", "sweeps"])
    page = (tmp_path / "sweeps" / "leaderboards" / "fake-share.md").read_text()
    assert sum(line.startswith("## ") and "fake-set" in line for line in page.splitlines()) == 2, page


def test_json_is_one_document(tmp_path: Path) -> None:
    code, out, _ = swept("--set", "scale=1,2", "--no-floors", "--json")
    assert code == 0 and [cell["settings"]["scale"] for cell in json.loads(out)["cells"]] == [1.0, 2.0]
