"""The result record of a cell: its schema, and reading and writing it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import PydanticCustomError

from harness.adapter import ModelCard, Role
from harness.errors import InputError
from harness.names import DatasetName, TaskName
from harness.storage.bounds import check_parquet, link_outside
from harness.storage.files import write_text
from harness.task import Basis, Highlights, Metric, TableRow

SCHEMA_VERSION: Final = 2
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
    unread_tensors: tuple[str, ...] = Field(
        default=(), description="heads among the weights that nothing reads, each with the number of its tensors"
    )


class TaskEntry(_Strict):
    name: TaskName
    version: str
    headline: str
    columns: tuple[str, ...]
    plotted_against: str | None = None
    question: str = ""
    how_to_read: tuple[str, ...] = ()
    labels: dict[str, str] = {}

    def label(self, metric: str) -> str:
        """The metric in words."""
        return self.labels.get(metric, metric.replace("_", " "))


class DatasetEntry(_Strict):
    name: DatasetName
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
    peak_gpu_memory_mb: float | None = Field(
        default=None, exclude_if=lambda value: value is None, description="None where no GPU was used"
    )


def _in_its_folder(files: dict[str, str | None]) -> dict[str, str | None]:
    for name in files:
        if PurePosixPath(name).is_absolute() or not {"..", "\\"}.isdisjoint((*PurePosixPath(name).parts, *name)):
            raise PydanticCustomError("file", "{name} is not a file below the record", {"name": repr(name)})
    return files


class ResultRecord(_Strict):
    """One finished cell. Leaderboards and reports are made from these alone.

    ``layers``, ``seeds`` and ``limit`` are settings too; None where the task or the model has none. ``control_of``
    names the models that the cell is a control of. ``basis`` is set once the cell is done.
    ``files`` maps names, relative to the folder of the record, to their SHA-256; None where it is not known.
    ``digest`` is the SHA-256 of the rest of the document, so that edits are detected.
    """

    schema_version: Literal[2] = SCHEMA_VERSION
    cell: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")
    status: Status
    error: str | None = None
    model: ModelEntry
    task: TaskEntry
    dataset: DatasetEntry
    settings: dict[str, Any]
    layers: tuple[int, ...] | None = None
    seeds: tuple[int, ...] | None = None
    limit: int | None = None
    control_of: tuple[str, ...] = ()
    basis: Basis | None = None
    metrics: dict[str, Metric] = {}
    table: tuple[TableRow, ...] = ()
    roles: dict[str, Role] = {}
    selected: dict[str, Any] = {}
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    highlights: Highlights | None = None
    files: Annotated[dict[str, str | None], AfterValidator(_in_its_folder)] = {}
    environment: Environment
    digest: str | None = None

    def to_json(self) -> str:
        """Deterministic JSON: keys in the order of the schema, sets sorted."""
        return json.dumps(self.document(), indent=1, ensure_ascii=False) + "\n"

    def document(self) -> dict[str, Any]:
        """Plain JSON values; unordered fields sorted so that equal records are equal texts."""
        document = self.model_dump(mode="json")
        document["model"]["card"]["capabilities"].sort()
        return document

    def sealed(self) -> ResultRecord:
        """The record with the digest of what it says now."""
        return self.model_copy(update={"digest": _digest(self.document())})

    def write(self, path: Path) -> None:
        write_text(path, self.sealed().to_json())


def read_record(path: Path) -> ResultRecord:
    """Read and validate a record, of this version or an older one.

    Raises:
        ValueError: the file is not a record of this schema, or was edited by hand; says so in one line.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(document, dict):
            raise ValueError("it is not a JSON object")
        current = _migrated(document)
        record = ResultRecord.model_validate_json(json.dumps(current))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "document"
        raise ValueError(f"{path} is not a valid result record: {where}: {first['msg']}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} cannot be read: {error}") from None
    except (ValueError, TypeError, RecursionError) as error:
        raise ValueError(f"{path} is not a valid result record: {error}") from None
    if current is document and document.get("digest") != _digest(document):
        raise ValueError(f"{path} was edited after it was written: restore it, or delete it and run the cell again")
    return record


def verify(path: Path, record: ResultRecord) -> str | None:
    """What is wrong with the files of the record at ``path``, in one line; None if nothing is.

    Tables must be there. Everything else (pictures, sparse autoencoders, tables under ``large/``) may be left out of a
    published folder, and is compared where it is there.
    """
    if (link := link_outside(path.with_suffix(""))) is not None:
        return f"{path}: {link.relative_to(path.parent)} is a link to another place: put the file there"
    for name, expected in record.files.items():
        if expected is None:
            continue
        file = path.parent / name
        try:
            with file.open("rb") as opened:
                found = hashlib.file_digest(opened, "sha256").hexdigest()
        except FileNotFoundError:
            if _is_table(name):
                return f"{path} is missing its file {name}: restore it, or run the cell again"
            continue
        except OSError as error:
            return f"{path}: its file {name} cannot be read ({error.strerror})"
        if file.suffix == ".parquet":
            try:
                check_parquet(file, f"{path}: its file {name}", file.stat().st_size)
            except InputError as error:
                return str(error)
        if found != expected:
            return f"{path}: its file {name} has changed since it was written: restore it, or run the cell again"
    return None


def read_verified(path: Path) -> ResultRecord:
    """A valid record with exactly the files that it was written with.

    Raises:
        ValueError: it is not; says so in one line.
    """
    record = read_record(path)
    if (problem := verify(path, record)) is not None:
        raise ValueError(problem)
    return record


def _is_table(name: str) -> bool:
    file = PurePosixPath(name)
    return file.suffix == ".parquet" and len(file.parts) == 2


def _migrated(document: dict[str, Any]) -> dict[str, Any]:
    """The document itself, or an older version of it migrated to the current schema."""
    if document.get("schema_version") != 1:
        return document
    settings, selected = dict(document.get("settings", {})), dict(document.get("selected", {}))
    typed = {name: settings.pop(name, None) for name in ("layers", "seeds", "limit")}
    layers = typed["layers"] or [None]
    item_set = selected.pop("item_set", None)
    basis = {
        "layer": selected.get("layer", layers[-1]),
        "layer_is_chosen": selected.pop("layer_is_chosen", len(layers) > 1),
        "item_set": item_set,
    }
    return (
        document
        | typed
        | {
            "schema_version": 2,
            "settings": settings,
            "selected": selected,
            "basis": basis if item_set else None,
            "files": dict.fromkeys(document.get("files", ())),  # their hashes are not known
        }
    )


def _digest(document: dict[str, Any]) -> str:
    rest = {name: value for name, value in document.items() if name != "digest"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


def read_records(folder: Path) -> tuple[list[tuple[Path, ResultRecord]], list[str]]:
    """All valid records under ``folder`` that have their files, by path, and one line for each of the others."""
    records, problems = [], []
    for path in sorted(folder.rglob("*.json")):
        # SAE checkpoints and other artifacts hold JSON files of their own, one folder below the records
        parts = path.relative_to(folder).parts
        if len(parts) != 4 or parts[0] == PAGES:
            continue
        try:
            records.append((path, read_verified(path)))
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
