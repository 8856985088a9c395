"""Where pages are written, and what they never overwrite."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from harness.cli import main
from harness.progress import Progress
from harness.registry import Registry
from harness.result import read_records
from harness.run.cell import run_cell
from tests.fakes import FakeModel
from tests.harness.run.test_cell import make_cell

KNOWN = Registry({"fake": lambda options: FakeModel()}, {}, {})


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with results of two models."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Registry, "discover", classmethod(lambda cls, plugins=(): KNOWN))
    for model in (FakeModel(), FakeModel("another", "fake-2")):
        run_cell(make_cell(model), Path("results"), "cpu", Progress(quiet=True))
    return tmp_path


def harness(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["harness", "leaderboard", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


def test_pages_are_written_beside_the_results_they_are_made_from(monkeypatch: pytest.MonkeyPatch) -> None:
    committed = Path("leaderboards/fake-share.md")
    committed.parent.mkdir()
    committed.write_text("# theirs\n")
    assert harness(monkeypatch) == 0
    assert committed.read_text() == "# theirs\n"
    written = sorted(path.name for path in Path("results/leaderboards").iterdir() if path.suffix != ".svg")
    assert written == ["README.md", "fake-share.csv", "fake-share.md"]
    # a second time, and from elsewhere
    assert harness(monkeypatch, "--check") == 0
    Path("results").rename("moved")
    assert harness(monkeypatch, "--results", "moved") == 0
    assert "| **fake**" in Path("moved/leaderboards/fake-share.md").read_text()


def test_what_lies_among_the_pages_is_no_record(monkeypatch: pytest.MonkeyPatch) -> None:
    (record,) = Path("results/fake-share/fake-set/fake").glob("*.json")
    copy = Path("results/leaderboards/results/fake") / record.name
    copy.parent.mkdir(parents=True)
    copy.write_text(record.read_text())
    records, problems = read_records(Path("results"))
    assert len(records) == 2 and problems == []


def test_rows_of_other_records_are_not_dropped_in_silence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert harness(monkeypatch, "--out", "pages") == 0
    page = Path("pages/fake-share.md")
    before = page.read_text()
    Path("results").rename("first")
    run_cell(make_cell(FakeModel()), Path("results"), "cpu", Progress(quiet=True))
    run_cell(make_cell(FakeModel("third", "fake-3")), Path("results"), "cpu", Progress(quiet=True))
    capsys.readouterr()
    assert harness(monkeypatch, "--out", "pages") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: 1 row of pages/fake-share.md would be lost") and "--replace" in line
    assert page.read_text() == before
    assert harness(monkeypatch, "--out", "pages", "--check") == 1
    assert harness(monkeypatch, "--out", "pages", "--replace") == 0
    assert "third" in page.read_text() and "another" not in page.read_text()


def test_more_rows_replace_fewer_without_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    assert harness(monkeypatch) == 0
    run_cell(make_cell(FakeModel("third", "fake-3")), Path("results"), "cpu", Progress(quiet=True))
    assert harness(monkeypatch) == 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"corpus": "none"}, "exposure to fake-set is recorded as 'unknown' but the model card now says 'none'"),
        ({"exposure": {"fake-set": "all of it"}}, "the model card now says 'all of it'"),
        ({"role": "floor"}, "role is recorded as 'model'"),
        ({"name": "renamed"}, "name is recorded as 'fake'"),
    ],
)
def test_check_sees_that_a_card_has_changed(
    change: dict[str, object], message: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert harness(monkeypatch) == 0
    assert harness(monkeypatch, "--check") == 0
    changed = FakeModel()
    changed.card = changed.card.model_copy(update=change)
    monkeypatch.setitem(KNOWN.models, "fake", lambda options: changed)
    capsys.readouterr()
    assert harness(monkeypatch, "--check") == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line and "results/fake-share/fake-set/fake/" in line


def test_check_sees_a_page_with_another_exposure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert harness(monkeypatch) == 0
    page = Path("results/leaderboards/fake-share.md")
    page.write_text(page.read_text().replace("exposure to fake-set: unknown", "exposure to fake-set: none"))
    assert harness(monkeypatch, "--check") == 1
    assert capsys.readouterr().err == f"out of date: {page}\n"


def test_pictures_of_tables_that_are_gone_go_with_them(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert harness(monkeypatch) == 0
    folder = Path("results/leaderboards")
    old, own = folder / "fake-share-0a1b2c.svg", folder / "logo.svg"
    old.write_text("<svg/>")
    own.write_text("<svg/>")
    capsys.readouterr()
    assert harness(monkeypatch, "--check") == 1
    assert capsys.readouterr().err == f"on no page any more: {old}\n"
    assert harness(monkeypatch) == 0
    assert not old.exists() and own.exists() and harness(monkeypatch, "--check") == 0


def test_a_folder_that_cannot_be_written_to_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("file").write_text("")
    assert harness(monkeypatch, "--out", "file/pages") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: file/pages/README.md cannot be written: ") and "--out" in line


def test_problems_of_records_are_printed_without_codes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (path,) = Path("results/fake-share/fake-set/fake").glob("*.json")
    path.write_text(json.dumps(json.loads(path.read_text()) | {"\x1b[31mextra": 1}))
    assert harness(monkeypatch) == 0
    errors = capsys.readouterr().err
    assert errors.startswith("skipped: ") and "[31mextra" in errors and "\x1b" not in errors
