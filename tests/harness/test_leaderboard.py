from __future__ import annotations

import csv
import io
from pathlib import Path

from harness.cell import run_cell
from harness.leaderboard import render_all, render_csv
from harness.progress import Progress
from harness.result import ResultRecord, read_records
from tests.fakes import FakeModel, MissingModel
from tests.harness.test_cell import make_cell


def records(results: Path) -> list[tuple[Path, ResultRecord]]:
    models = [FakeModel(), FakeModel("another", "fake-2"), FakeModel("mute", "fake-3", capabilities={"attention"})]
    for model in models:
        run_cell(make_cell(model), results, "cpu", Progress(quiet=True))
    run_cell(make_cell(FakeModel(), scale=2.0), results, "cpu", Progress(quiet=True))
    return read_records(results)[0]


def test_the_page_is_the_same_whatever_the_order(tmp_path: Path) -> None:
    found = records(tmp_path / "results")
    pages = render_all(found, tmp_path / "out")
    assert pages == render_all(list(reversed(found)), tmp_path / "out")
    assert set(pages) == {tmp_path / "out" / "fake-share.md", tmp_path / "out" / "fake-share.csv"}


def test_the_page_says_what_a_reader_needs(tmp_path: Path) -> None:
    page = render_all(records(tmp_path / "results"), tmp_path / "out")[tmp_path / "out" / "fake-share.md"]
    assert "Simulated data" in page and "## fake-set (simulated)" in page
    # different settings never share a table
    assert page.count("## fake-set") == 2 and "scale 2.0" in page
    assert "0.417 [0.317, 0.517]" in page
    assert "chance (floor)" in page and "0.250 [0.250, 0.250]" in page
    assert "mute: not-applicable: mute has no hidden_states" in page
    # simulated sets are in the order of names, and every row links to its record
    assert page.index("| another") < page.index("| fake ")
    for path, record in records(tmp_path / "results"):
        if record.status == "done":
            assert f"({Path('..') / path.relative_to(tmp_path)})" in page


def test_csv_holds_every_number(tmp_path: Path) -> None:
    found = records(tmp_path / "results")
    rows = list(csv.DictReader(io.StringIO(render_csv(found))))
    expected = sum(len(r.metrics) + len(r.table) for _, r in found if r.status == "done")
    assert len(rows) == expected
    assert {row["source"] for row in rows} == {"headline", "model", "chance"}


def test_unavailable_models_leave_no_trace(tmp_path: Path) -> None:
    run_cell(make_cell(MissingModel("missing")), tmp_path / "results", "cpu", Progress(quiet=True))
    assert not (tmp_path / "results").exists()
