"""Tables of results, and the page of one."""

from __future__ import annotations

from pathlib import Path

from harness.publish.report.overview import cell_page, overview
from harness.result import read_records
from tests.harness.publish.report.made import HOSTILE, SAE_CELL, results


def test_every_result_is_in_a_table_with_its_interval_and_a_link_to_its_record(tmp_path: Path) -> None:
    found = read_records(results(tmp_path / "results"))[0]
    groups = overview(found, tmp_path / "pages" / "report.html")
    rows = {row["cell"]: row for group in groups for row in group["rows"]}
    assert set(rows) == {record.cell for _, record in found}
    for path, record in found:
        row = rows[record.cell]
        assert (tmp_path / "pages" / row["record"]).resolve() == path.resolve()
        if record.status == "done":
            headline = record.metrics[record.task.headline]
            numbers = [headline.value, headline.low, headline.high, headline.n]
            assert row["values"][0] == [None if number is None else round(number, 4) for number in numbers]


def test_results_that_cannot_be_compared_stand_apart(tmp_path: Path) -> None:
    groups = overview(read_records(results(tmp_path))[0], tmp_path / "report.html")
    assert [(group["task"], len(group["rows"])) for group in groups] == [("fake-share", 4), ("sae-families", 1)]
    mute = next(row for row in groups[0]["rows"] if row["model"] == "mute")
    assert mute["status"] == "not-applicable" and "hidden_states" in mute["error"]


def test_the_page_of_a_result_holds_every_number_of_its_record(tmp_path: Path) -> None:
    record = next(r for _, r in read_records(results(tmp_path))[0] if r.cell == SAE_CELL)
    page = cell_page(record)
    rows = [
        (page["names"][row[0]], page["sources"][row[1]], row[2], row[3], page["strata"][row[4]], row[5])
        for row in page["rows"]
    ]
    assert rows == [(record.task.label(r.name), r.source, r.layer, r.seed, r.stratum, r.value) for r in record.table]
    assert page["names"][page["headline"]] == "auroc macro"
    assert HOSTILE in page["notes"]
