"""Numbers by kind of item: one column for every model, and one for controls that differ in a number alone."""

from __future__ import annotations

from pathlib import Path

from harness.publish.pages.breakdowns import breakdowns
from harness.publish.scores import board
from harness.task import TableRow
from tests.harness.publish.test_scores import made


def test_of_controls_that_differ_in_a_number_the_best_is_shown(tmp_path: Path) -> None:
    members = []
    for name, value, role in (
        ("a-2", 0.9, "model"),
        ("a-3", 0.8, "model"),
        ("k-1", 0.2, "floor"),
        ("k-2", 0.4, "floor"),
    ):
        path, record = made(tmp_path, name, value, role, noise=None)
        rows = [TableRow(name="share_by_level", source=name, stratum="clan", value=value, n=7)]
        members.append((path, record.model_copy(update={"table": [*record.table, *rows]})))
    found = board(members)
    ((title, text),) = breakdowns([*found.models, *found.controls])
    header, _, line = (row.strip("|").split("|") for row in text.splitlines())
    assert title.endswith("by level") and [cell.strip() for cell in header] == ["level", "n", "a-2", "a-3", "k-2"]
    assert [cell.strip() for cell in line] == ["clan", "7", "0.900", "0.800", "0.400"]
