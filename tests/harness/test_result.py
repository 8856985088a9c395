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


def only(folder: Path) -> Path:
    (path,) = (folder / "fake-share" / "fake-set" / "fake").glob("*.json")
    return path


def problem(folder: Path) -> str:
    records, problems = read_records(folder)
    assert not records and len(problems) == 1 and "\n" not in problems[0]
    return problems[0]


def test_an_edited_record_is_noticed(record: ResultRecord, tmp_path: Path) -> None:
    path = only(tmp_path / "results")
    document = json.loads(path.read_text())
    # another layout of the same document is the same record
    path.write_text(json.dumps(document, sort_keys=True))
    assert read_record(path) == record
    document["metrics"]["share"]["value"] += 0.1
    path.write_text(json.dumps(document))
    assert "was edited after it was written" in problem(tmp_path / "results")


def test_a_missing_or_changed_table_is_noticed_and_a_missing_picture_is_not(
    record: ResultRecord, tmp_path: Path
) -> None:
    results = tmp_path / "results"
    folder = only(results).with_suffix("")
    (folder / "note.txt").unlink()
    assert read_records(results) == ([(only(results), record)], [])
    (folder / "note.txt").write_text("another")
    assert "note.txt has changed since it was written" in problem(results)
    (folder / "note.txt").unlink()
    table = folder / "items.parquet"
    content = table.read_bytes()
    table.write_bytes(content[:-1])
    assert "items.parquet has changed since it was written" in problem(results)
    table.unlink()
    assert f"is missing its file {record.cell}/items.parquet" in problem(results)


def test_a_table_that_published_results_leave_out_may_be_missing(tmp_path: Path, record: ResultRecord) -> None:
    path = only(tmp_path / "results")
    record.model_copy(update={"files": {f"{record.cell}/large/pairs.parquet": "0" * 64}}).write(path)
    assert len(read_records(tmp_path / "results")[0]) == 1
    (path.with_suffix("") / "large").mkdir()
    (path.with_suffix("") / "large" / "pairs.parquet").write_text("another")
    assert "pairs.parquet has changed" in problem(tmp_path / "results")


def test_a_record_of_version_1_is_read_with_unknown_hashes(record: ResultRecord, tmp_path: Path) -> None:
    path = only(tmp_path / "results")
    document = json.loads(path.read_text())
    del document["digest"], document["control_of"], document["task"]["plotted_against"]
    for name in ("layers", "seeds", "limit"):
        document["settings"][name] = document.pop(name)
    document["selected"] |= document.pop("basis")
    path.write_text(json.dumps(document | {"schema_version": 1, "files": list(record.files)}))
    found = read_record(path)
    assert found.files == dict.fromkeys(record.files) and found.digest is None
    assert found.selected.pop("layer") == found.basis.layer  # some tasks' choices name it among others
    assert found.model_copy(update={"files": record.files, "digest": record.digest}) == record
    assert len(read_records(tmp_path / "results")[0]) == 1
