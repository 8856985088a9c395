from __future__ import annotations

import sys

import pytest

from harness.progress import QUIET, Progress

Captured = pytest.CaptureFixture[str]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock that shows the last number of the list."""
    times = [100.0]
    monkeypatch.setattr("harness.progress.time.monotonic", lambda: times[-1])
    return times


def test_a_log_gets_a_line_now_and_then_with_the_time_left(clock: list[float], capsys: Captured) -> None:
    with Progress().track("training", 40) as advance:
        for completed, now in ((0, 130.0), (1, 110.0), (10, 120.0), (11, 121.0), (20, 160.0)):
            clock.append(now)
            advance(completed, "loss 1")
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.splitlines() == [
        "  training 10/40, 60 s left loss 1",
        "  training 20/40, 60 s left loss 1",
    ]


def test_quiet_says_nothing(clock: list[float], capsys: Captured) -> None:
    progress = Progress(quiet=True)
    progress.message("hello")
    with progress.track("training", 2) as advance:
        clock.append(1000.0)
        advance(1)
        advance(2, "detail")
    output = capsys.readouterr()
    assert output.out == output.err == ""


def test_messages_and_tracebacks_go_to_stderr(capsys: Captured) -> None:
    error = ValueError("the reason")
    Progress().message("hello")
    Progress().trace(error)
    assert capsys.readouterr() == ("", "hello\n")
    Progress(debug=True).trace(error)
    output = capsys.readouterr()
    assert output.out == "" and output.err.endswith("ValueError: the reason\n")


def test_control_characters_never_reach_the_terminal(capsys: Captured) -> None:
    Progress().message("a\x1b[31mred\x9b2J\r\u202e")
    assert capsys.readouterr().err == r"a\x1b[31mred\x9b2J\r\u202e" + "\n"


def test_a_terminal_gets_a_bar(monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("TERM", "xterm")
    with Progress().track("training", 4) as advance:
        advance(3, "loss 0.5")
    output = capsys.readouterr()
    assert output.out == "" and "training" in output.err and "3/4" in output.err and "loss 0.5" in output.err


def test_items_come_one_by_one_with_the_time_left(clock: list[float], capsys: Captured) -> None:
    seen = []
    for letter in Progress().over("clusters", "ACGU"):
        seen.append(letter)
        clock.append(clock[-1] + 10)
    assert seen == list("ACGU")
    assert capsys.readouterr().err.splitlines() == ["  clusters 2/4, 20 s left"]
    assert list(QUIET.over("clusters", [])) == [] and capsys.readouterr().err == ""
