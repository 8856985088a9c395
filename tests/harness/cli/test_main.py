"""The entry point itself: help, and what an interrupt leaves on the terminal."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from harness.cli import main
from tests import fakes

RUN = ["run", "--model", "fake", "--task", "fake-share", "--plugin", fakes.__file__, "--device", "cpu"]


def ended(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["harness", *arguments])
    with pytest.raises(SystemExit) as exit:
        main()
    return int(exit.value.code or 0)


def test_nothing_typed_shows_the_help(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert ended(monkeypatch) == 0
    output = capsys.readouterr()
    assert output.out.startswith("Usage: harness") and "leaderboard" in output.out and output.err == ""


def test_an_interrupt_says_that_the_same_command_continues(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*arguments: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("harness.run.executors.serial.run_cell", interrupted)
        assert ended(monkeypatch, *RUN, "--results", str(tmp_path)) == 130
    assert capsys.readouterr().err.splitlines()[-1] == "interrupted: re-run the same command to resume"
    assert ended(monkeypatch, *RUN, "--results", str(tmp_path)) == 0
    assert len(list(tmp_path.rglob("*.json"))) == 2


def test_the_version(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert ended(monkeypatch, "--version") == 0
    assert capsys.readouterr() == ("harness 0.1.0\n", "")
