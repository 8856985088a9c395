"""The record that a cell leaves: its schema, and reading and writing it whole."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from harness.adapter import ModelCard, Role
from harness.storage.files import write_text
from harness.task import Highlights, Metric, TableRow

SCHEMA_VERSION: Final = 1
PAGES: Final = "leaderboards"
"""Folder of a results folder that `harness leaderboard` writes to: it holds no records."""
SCHEMA_PATH = Path(__file__).with_name("result.schema.json")

Status = Literal["done", "failed", "not-applicable", "unavailable"]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ModelEntry(_Strict):
    card: ModelCard
    identity: str | None
    dtype: str
    attention_kernel: str | None = None


class TaskEntry(_Strict):
    name: str
    version: str
    headline: str
    columns: tuple[str, ...]


class DatasetEntry(_Strict):
    name: str
    summary: str
    source: str
    licence: str
    simulated: bool
    fingerprint: str
    records: int
    used: int
    skipped: dict[str, int]
    replaced_letters: int


class Environment(_Strict):
    """Where and with what a cell ran. Nothing here is part of its identity."""

    packages: dict[str, str]
    python: str
    commit: str | None
    dirty: bool | None
    device: str
    seconds: dict[str, float]
    peak_memory_mb: float | None


class ResultRecord(_Strict):
    """One finished cell. Leaderboards and reports are made from these and from nothing else."""

    schema_version: Literal[1] = SCHEMA_VERSION
    cell: str
    status: Status
    error: str | None = None
    model: ModelEntry
    task: TaskEntry
    dataset: DatasetEntry
    settings: dict[str, Any]
    metrics: dict[str, Metric] = {}
    table: tuple[TableRow, ...] = ()
    roles: dict[str, Role] = {}
    selected: dict[str, Any] = {}
    notes: tuple[str, ...] = ()
    highlights: Highlights | None = None
    files: tuple[str, ...] = ()
    environment: Environment

    def to_json(self) -> str:
        """Deterministic JSON: keys in the order of the schema, sets sorted."""
        return json.dumps(self.document(), indent=1, ensure_ascii=False) + "\n"

    def document(self) -> dict[str, Any]:
        """Plain JSON values; unordered fields sorted so that equal records are equal texts."""
        document = self.model_dump(mode="json")
        document["model"]["card"]["capabilities"].sort()
        return document

    def write(self, path: Path) -> None:
        write_text(path, self.to_json())


def read_record(path: Path) -> ResultRecord:
    """Read and validate a record.

    Raises:
        ValueError: the file is not a record of this schema; says so in one line.
    """
    try:
        return ResultRecord.model_validate_json(path.read_text(encoding="utf-8"))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "document"
        raise ValueError(f"{path} is not a valid result record: {where}: {first['msg']}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} cannot be read: {error}") from None


def read_records(folder: Path) -> tuple[list[tuple[Path, ResultRecord]], list[str]]:
    """All valid records under ``folder`` by path, and one line for each file that is not one."""
    records, problems = [], []
    for path in sorted(folder.rglob("*.json")):
        # SAE checkpoints and other artifacts hold JSON files of their own, one folder below the records
        parts = path.relative_to(folder).parts
        if len(parts) != 4 or parts[0] == PAGES:
            continue
        try:
            records.append((path, read_record(path)))
        except ValueError as error:
            problems.append(str(error))
    return records, problems


def schema_text() -> str:
    """The JSON Schema of a record, as published in the repository."""
    return json.dumps(ResultRecord.model_json_schema(), indent=1) + "\n"


def exit_code(records: Iterable[ResultRecord]) -> int:
    """0 all done or not applicable, 1 a cell failed, 3 something needed is unavailable."""
    statuses = {record.status for record in records}
    if "failed" in statuses:
        return 1
    return 3 if "unavailable" in statuses else 0
