"""The published schema, and records that are whole or refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.progress import Progress
from harness.result import SCHEMA_PATH, ResultRecord, read_record, read_records, schema_text
from harness.run.cell import run_cell
from tests.harness.run.test_cell import make_cell


@pytest.fixture
def record(tmp_path: Path) -> ResultRecord:
    return run_cell(make_cell(), tmp_path / "results", "cpu", Progress(quiet=True))


def test_the_published_schema_is_the_schema_of_the_code() -> None:
    assert SCHEMA_PATH.read_text() == schema_text(), "write schema_text() to harness/result.schema.json"


def test_round_trip(record: ResultRecord, tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    record.write(path)
    assert read_record(path) == record
    assert json.loads(path.read_text())["schema_version"] == 2


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"schema_version": 99}, "schema_version"),
        ({"status": "fine"}, "status"),
        ({"surprise": 1}, "surprise"),
        ({"metrics": {"share": {"value": "high"}}}, "metrics.share.value"),
        ({"cell": None}, "cell"),
    ],
)
def test_a_record_that_does_not_validate_names_the_field(
    record: ResultRecord, tmp_path: Path, change: dict[str, object], where: str
) -> None:
    path = tmp_path / "record.json"
    path.write_text(json.dumps(record.document() | change))
    with pytest.raises(ValueError, match=where):
        read_record(path)


def test_not_a_number_is_no_value(record: ResultRecord) -> None:
    metric = record.metrics["share"]
    with pytest.raises(ValueError):
        metric.model_validate({"value": float("nan")})


def test_read_records_reports_what_is_broken(record: ResultRecord, tmp_path: Path) -> None:
    folder = tmp_path / "results"
    (folder / "fake-share" / "fake-set" / "fake" / "broken.json").write_text("{")
    records, problems = read_records(folder)
    assert [found for _, found in records] == [record]
    assert len(problems) == 1 and "broken.json" in problems[0] and "\n" not in problems[0]
