"""Numbers by kind of item: one column for every model, and one for controls that differ in a number alone."""

from __future__ import annotations

from pathlib import Path

from harness.publish.pages.breakdowns import MOST_COLUMNS, breakdowns
from harness.publish.scores import board
from harness.statistics.bootstrap import Estimate
from harness.statistics.draws import draws_table
from harness.task import Place, TableRow
from tests.harness.publish.test_scores import DRAWS, made


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


def test_of_the_controls_of_a_cell_the_hardest_floor_and_references_are_shown(tmp_path: Path) -> None:
    path, record = made(tmp_path, "own", 0.9)
    draws = {
        Place("share", source, 2): Estimate(value, value + 0.01 * DRAWS[k], 30)
        for k, (source, value) in enumerate((("model", 0.9), ("letters", 0.3), ("twin", 0.5), ("lookup", 0.8)))
    }
    draws_table(draws).to_parquet(path.with_suffix("") / "draws.parquet", index=False)
    rows = [
        TableRow(name="share_by_level", source=place.source, stratum="clan", value=own.value, n=7)
        for place, own in draws.items()
    ]
    roles = {"model": "model", "letters": "floor", "twin": "floor", "lookup": "reference"}
    found = board([(path, record.model_copy(update={"table": rows, "roles": roles}))])
    ((_, text),) = breakdowns(found.models)
    header, _, line = ([cell.strip() for cell in row.strip("|").split("|")] for row in text.splitlines())
    assert header == ["level", "n", "own", "own: twin", "own: lookup"]
    assert line == ["clan", "7", "0.900", "0.500", "0.800"]


def test_more_columns_than_fit_on_a_page_go_into_further_tables(tmp_path: Path) -> None:
    members = []
    for number in range(MOST_COLUMNS + 1):
        path, record = made(tmp_path, f"model-{'abcdefgh'[number]}", 0.9 - number / 10, noise=None)
        row = TableRow(name="share_by_level", source="model", stratum="clan", value=0.9 - number / 10, n=7)
        members.append((path, record.model_copy(update={"table": [row]})))
    ((_, text),) = breakdowns(board(members).models)
    parts = [part.splitlines() for part in text.split("\n\n")]
    cells = [[[cell.strip() for cell in row.strip("|").split("|")] for row in (part[0], part[2])] for part in parts]
    assert [len(header) for header, _ in cells] == [2 + MOST_COLUMNS, 3]
    assert [line[:2] for _, line in cells] == [["clan", "7"]] * 2
    names = [own for header, _ in cells for own in header[2:]]
    assert sorted(names) == [f"model-{letter}" for letter in "abcdefgh"[: MOST_COLUMNS + 1]]
