from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from harness.progress import Progress
from harness.publish.scores import headline_rows
from harness.publish.terminal import print_controls, print_ending, print_summary
from harness.result import ResultRecord
from harness.run.cell import run_cell
from harness.task import Highlights, Metric, TableRow
from tests.harness.run.test_cell import make_cell


@pytest.fixture
def record(tmp_path: Path) -> ResultRecord:
    rows = (
        TableRow(name="share", source="probe", layer=2, value=0.9),
        TableRow(name="share", source="chance", layer=2, value=0.25, low=0.2, high=0.3),
        TableRow(name="share", source="model", layer=2, value=0.5),
        TableRow(name="share", source="model", layer=2, seed=1, value=0.11),
        TableRow(name="share", source="model", layer=2, stratum="short", value=0.12),
        TableRow(name="share", source="model", layer=0, value=0.4),
        TableRow(name="spread", source="model", layer=2, value=0.6),
        TableRow(name="other", source="model", layer=2, value=0.7),
    )
    rows += tuple(TableRow(name="spread", source=source, layer=2, value=0.61) for source in ("probe", "chance"))
    metrics = {name: Metric(value=0.5, n=12) for name in ("share", "spread", "other")}
    made = run_cell(make_cell(), tmp_path, "cpu", Progress(quiet=True))
    roles = {"model": "model", "chance": "floor", "probe": "reference"}
    highlights = Highlights(title="Best", columns=("record",), rows=(("[a] [/b]",),))
    return made.model_copy(update={"table": rows, "metrics": metrics, "roles": roles, "highlights": highlights})


def printed(record: ResultRecord) -> str:
    console = Console(width=100, record=True, file=io.StringIO())
    print_summary(record, console, verbose=True)
    return console.export_text()


def test_headline_rows_are_over_all_seeds_and_strata_in_the_order_of_roles(record: ResultRecord) -> None:
    assert [row.source for row in headline_rows(record, 2)] == ["model", "chance", "probe"]
    assert [row.value for row in headline_rows(record, 0)] == [0.4]
    assert headline_rows(record, 1) == []


def test_every_source_stands_beside_the_model(record: ResultRecord) -> None:
    text = printed(record)
    assert "fake-share · fake · fake-set · simulated data" in text and "note: a fake" in text
    assert text.index("layer 0") < text.index("layer 2")
    table = text[text.index("share beside its controls, layer 2") :]
    lines = {name: line for line in table.splitlines() for name in (line.strip("│ ").partition(" ")[0],)}
    assert "0.250 [0.200, 0.300]" in lines["chance"] and "floor" in lines["chance"]
    assert "0.900" in lines["probe"] and "0.610" in lines["probe"] and "reference" in lines["probe"]
    assert "0.500" in lines["model"] and "0.600" in lines["model"]
    # a metric that only some sources have is not a column; numbers of one seed or stratum are not shown
    assert "0.700" not in table and "0.110" not in table and "0.120" not in table


def test_names_with_brackets_are_shown_as_they_are(record: ResultRecord) -> None:
    assert "[a] [/b]" in printed(record)


def test_controls_stand_below_the_model_they_were_planned_beside(record: ResultRecord) -> None:
    card = record.model.card.model_copy(update={"name": "kmer-6", "role": "floor"})
    floor = record.model_copy(
        update={
            "model": record.model.model_copy(update={"card": card}),
            "metrics": {"share": Metric(value=0.2, low=0.1, high=0.3)},
        }
    )
    task = record.task.model_copy(update={"columns": ("nothing", "share")})
    nothing = {"nothing": Metric(value=None, n=None)}
    record = record.model_copy(update={"task": task, "metrics": record.metrics | nothing})
    console = Console(width=100, record=True, file=io.StringIO())
    print_controls([record, floor], console)
    assert "nothing" not in console.export_text(clear=False)
    lines = [line for line in console.export_text().splitlines() if "│" in line]
    assert len(lines) == 2
    assert "fake" in lines[0] and "0.500" in lines[0]
    assert "kmer-6" in lines[1] and "floor" in lines[1] and "0.200 [0.100, 0.300]" in lines[1]


def test_no_text_reaches_the_terminal_as_a_code(record: ResultRecord) -> None:
    text = "\x1b[31m[/b]:rat:\x07\r"
    card = record.model.card.model_copy(update={"name": text})
    changes = {
        "model": record.model.model_copy(update={"card": card}),
        "task": record.task.model_copy(update={"name": text, "headline": text, "columns": (text,)}),
        "dataset": record.dataset.model_copy(update={"name": text}),
        "metrics": {text: Metric(value=0.5, n=12, unit=text)},
        "table": tuple(TableRow(name=text, source=source, layer=2, value=0.5) for source in (text, "model")),
        "warnings": (text,),
        "notes": (text,),
        "highlights": Highlights(title=text, columns=(text,), rows=((text,),)),
    }
    hostile = record.model_copy(update=changes)
    console = Console(width=150, file=io.StringIO(), force_terminal=True, color_system=None)
    print_summary(hostile, console, verbose=True)
    print_controls([hostile, hostile], console)
    printed = console.file.getvalue()  # type: ignore[attr-defined]
    assert not {"\x1b", "\x07", "\r"} & set(printed)
    # the summary names 15 (exposure names the dataset), the table of controls a title, a column and two models
    assert printed.count("[31m[/b]:rat:") == 19


def test_warnings_come_before_the_controls(record: ResultRecord) -> None:
    console = Console(width=100, record=True, file=io.StringIO())
    print_summary(record.model_copy(update={"warnings": ("its twin does as well",)}), console)
    text = console.export_text()
    assert text.index("share 0.500") < text.index("warning: its twin does as well") < text.index("beside its controls")


def test_without_verbose_there_is_the_headline_beside_its_controls_and_no_long_list(record: ResultRecord) -> None:
    console = Console(width=100, record=True, file=io.StringIO())
    print_summary(record, console)
    text = console.export_text()
    assert "share 0.500" in text and "share beside its controls, layer 2" in text and "0.250 [0.200, 0.300]" in text
    assert "layer 0" not in text and "Metrics" not in text and "note: a fake" not in text
    assert "note: pretraining exposure to fake-set: unknown" in text


@pytest.mark.parametrize(("width", "columns"), [(100, 3), (60, 1), (30, 1)])
def test_intervals_stand_in_one_line_and_columns_without_room_are_left_out(
    record: ResultRecord, width: int, columns: int
) -> None:
    rows = tuple(row.model_copy(update={"low": row.value, "high": row.value}) for row in record.table)
    more = tuple(row.model_copy(update={"name": "other"}) for row in rows if row.name == "spread")
    console = Console(width=width, record=True, file=io.StringIO())
    print_summary(record.model_copy(update={"table": rows + more}), console)
    (line,) = [line for line in console.export_text().splitlines() if "chance" in line or "0.250 [" in line]
    assert line.count("0.250 [0.250, 0.250]") == 1 or width == 30
    assert line.count("[") == columns or width == 30


def test_the_columns_of_the_task_are_told_below_the_headline(record: ResultRecord) -> None:
    record = record.model_copy(update={"task": record.task.model_copy(update={"columns": ("share", "spread")})})
    console = Console(width=100, record=True, file=io.StringIO())
    print_summary(record, console)
    lines = [line.split() for line in console.export_text().splitlines()]
    assert lines[lines.index(["share", "0.500"]) + 1] == ["spread", "0.500"]


def test_the_end_says_where_files_are_and_what_to_type() -> None:
    console = Console(width=40, record=True, file=io.StringIO())
    path = Path("results/a-task/a-set/a-model/0123456789abcdef.json")
    print_ending([path], {"harness compare a b --task t": "which is better"}, console)
    lines = [line.strip() for line in console.export_text().splitlines()]
    assert str(path) in lines and "harness compare a b --task t  # which is better" in lines
