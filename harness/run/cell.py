"""One cell: (model, task, dataset, settings). Its identity, its place on disk, and running it."""

from __future__ import annotations

import errno
import hashlib
import json
import shutil
import tempfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from harness.adapter import ModelAdapter, ModelOptions
from harness.datasets.records import Dataset
from harness.errors import HarnessError, InputError, NotApplicable, Unavailable
from harness.names import folder_name
from harness.progress import Progress
from harness.result import (
    DatasetEntry,
    ModelEntry,
    ResultRecord,
    Status,
    TaskEntry,
    read_verified,
)
from harness.run.environment import code_stamp, describe, forget_peak_memory
from harness.run.reading import FOLDER, as_read, notes_on_windows
from harness.storage.bounds import leads_outside
from harness.storage.files import atomic_path, write_text
from harness.storage.lock import exclusive
from harness.task import CellContext, Task, TaskOutcome, TaskSettings

FINISHED: frozenset[Status] = frozenset({"done", "not-applicable"})
IDENTITY_VERSION = 1
"""Raised when the parts of a cell's identity change, and every cell is to be computed again."""
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


@dataclass(frozen=True)
class Cell:
    """What is to be computed. Device, batch size and paths are not part of it.

    ``control_of`` names the cells that this one was planned beside; no part of its identity.
    """

    model: ModelAdapter
    task: Task
    dataset: Dataset
    settings: TaskSettings
    options: ModelOptions
    control_of: tuple[Cell, ...] = ()

    @cached_property
    def _identity_or_reason(self) -> tuple[str | None, str | None]:
        try:
            return self.model.identity(), None
        except Unavailable as error:
            return None, str(error)

    @property
    def model_identity(self) -> str | None:
        """None where the weights cannot be had; then :attr:`unavailable` says why."""
        return self._identity_or_reason[0]

    @property
    def unavailable(self) -> str | None:
        """Why the model cannot be had on this machine, or None."""
        return self._identity_or_reason[1]

    @cached_property
    def identity(self) -> str:
        """Hash of everything that changes a number, and of nothing else."""
        parts = {
            "schema": IDENTITY_VERSION,
            "model": self.model_identity,
            "task": [self.task.card.name, self.task.card.version],
            "dataset": self.dataset.fingerprint,
            "settings": self.settings.model_dump(mode="json"),
        }
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]

    @property
    def name(self) -> str:
        return f"{self.task.card.name} · {self.dataset.card.name} · {self.model.card.name}"

    def path(self, results: Path) -> Path:
        """``<results>/<task>/<dataset>/<model>/<cell id>.json``."""
        folders = (self.task.card.name, self.dataset.card.name, self.model.card.name)
        return results.joinpath(*(folder_name(part) for part in folders), f"{self.identity}.json")

    def work(self, results: Path) -> Path:
        """Where partial state lies until the cell is done: ``<cell id>.work/`` beside the record."""
        return self.path(results).with_suffix(".work")

    def finished(self, results: Path) -> ResultRecord | None:
        """The record of this cell where it has been computed and its files are whole; failures do not count."""
        try:
            record = read_verified(self.path(results))
        except ValueError:
            return None
        return record if record.status in FINISHED and record.cell == self.identity else None

    @property
    def impossible(self) -> bool:
        """Whether the model cannot be had, or cannot do what the task requires."""
        try:
            self.check()
        except NotApplicable:
            return True
        return self.unavailable is not None

    @property
    def needless(self) -> bool:
        """Whether it is a control of nothing but cells that are impossible."""
        return bool(self.control_of) and all(asked.impossible for asked in self.control_of)

    def check(self) -> None:
        """Refuse what can be told before anything is loaded.

        Raises:
            NotApplicable: the model lacks a capability or reads another alphabet than the dataset.
        """
        card, needs = self.model.card, self.task.card_on(self.dataset)
        if missing := sorted(needs.requires - card.capabilities):
            reason = self.model.reason(*missing)
            raise NotApplicable(f"{card.name} has no {', '.join(missing)}, which {needs.name} requires{reason}")
        if needs.requires_any and not needs.requires_any & card.capabilities:
            either = " nor ".join(sorted(needs.requires_any))
            reason = self.model.reason(*sorted(needs.requires_any))
            raise NotApplicable(f"{card.name} has neither {either}, one of which {needs.name} requires{reason}")
        for what, alphabet in ((needs.name, needs.alphabet), (self.dataset.card.name, self.dataset.card.alphabet)):
            if alphabet != card.alphabet:
                raise NotApplicable(f"{card.name} reads {card.alphabet} sequences, but {what} has {alphabet} ones")


def run_cell(cell: Cell, results: Path, device: str, progress: Progress, force: bool = False) -> ResultRecord:
    """Compute a cell and write its record; whatever goes wrong inside becomes the record's status.

    A finished cell is read back unless ``force`` is given; one that another process works on is waited for. Partial
    state stays in ``<cell id>.work/`` until the cell is done, so that a killed run goes on where it was. Unavailable
    cells leave nothing on disk: their identity is not known. The model stays in memory: the next cell may need it.
    """
    if (reason := cell.unavailable) is not None:
        progress.message(cell.name)
        return _record(cell, "unavailable", device, error=reason)
    path, work = cell.path(results), cell.work(results)
    if linked := _linked(path, work, results):
        return _record(cell, "failed", device, error=linked)
    try:
        # without a lock where nothing is to be done: the folder may be one to read only
        if force or work.exists() or (record := cell.finished(results)) is None:
            with exclusive(path.with_suffix(".lock"), lambda line: progress.notice(f"{cell.name}: {line}")):
                if force or (record := cell.finished(results)) is None:
                    _say_why(path, progress)
                    progress.message(cell.name)
                    return _compute(cell, path, work, device, progress, force)
                shutil.rmtree(work, ignore_errors=True)
    except OSError as error:
        return _record(cell, "failed", device, error=_cannot_write(error, path))
    progress.message(f"{cell.name}: already {record.status} ({path})")
    return record


def lost_cell(cell: Cell, results: Path, device: str, reason: str) -> ResultRecord:
    """The record of a cell whose process ended, told why: its own where it was finished, else one of a failure.

    That is not written: another process may be at work on the cell.
    """
    return cell.finished(results) or _record(cell, "failed", device, error=reason)


def _linked(path: Path, work: Path, results: Path) -> str | None:
    """Refuse to write through links in a results folder, which may come from a stranger."""
    for place in (path.parent, work, path.with_suffix("")):
        if leads_outside(place, results) or (place != path.parent and place.is_symlink()):
            return f"{place} is a link out of {results}: remove it, or give its target as --results"
    return None


def _say_why(path: Path, progress: Progress) -> None:
    """Tell of a record that is there and cannot be trusted."""
    if path.exists():
        try:
            read_verified(path)
        except ValueError as error:
            progress.notice(f"{error}; running the cell again")


def _compute(cell: Cell, path: Path, work: Path, device: str, progress: Progress, force: bool) -> ResultRecord:
    artifacts = work / "artifacts"
    context = CellContext(device=device, work=work, artifacts=artifacts, progress=progress, stamp=code_stamp())
    forget_peak_memory()
    try:
        cell.check()
        # a task makes all of them again, and what only an earlier attempt made is not to be kept
        shutil.rmtree(artifacts, ignore_errors=True)
        artifacts.mkdir(parents=True)
        model = as_read(cell.model, cell.settings, work / FOLDER, progress, force)
        outcome = cell.task.run(model, cell.dataset, cell.settings, context)
        outcome.notes += notes_on_windows(cell.model, cell.dataset, cell.settings)
        files = _write_tables(artifacts, path.stem, outcome)
        record = _record(cell, "done", device, outcome=outcome, files=files, seconds=context.seconds)
    except NotApplicable as error:
        record = _record(cell, "not-applicable", device, error=str(error))
    except Unavailable as error:
        return _record(cell, "unavailable", device, error=str(error), seconds=context.seconds)
    except Exception as error:
        # --debug shows the traceback; the record keeps one line
        progress.trace(error)
        record = _record(cell, "failed", device, error=_one_line(error, path), seconds=context.seconds)
    _publish(record, path, work)
    if record.status in FINISHED:
        shutil.rmtree(work, ignore_errors=True)
    return record


def _one_line(error: Exception, path: Path) -> str:
    if isinstance(error, OSError) and error.errno in _NO_ROOM:
        return _cannot_write(error, path)
    line = str(error) if isinstance(error, HarnessError) else f"{type(error).__name__}: {error}"
    return " ".join(line.split())


def _cannot_write(error: OSError, path: Path) -> str:
    reason = error.strerror or " ".join(str(error).split())
    return f"{path} cannot be written ({reason}): free some space or choose another --results, then re-run the command"


def check_writable(results: Path) -> None:
    """Find out before the work, not after it, whether results can be written.

    Raises:
        InputError: the folder cannot be made or written to.
    """
    try:
        results.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=results).close()
    except OSError as error:
        raise InputError(
            f"results folder {results} cannot be written to: {error.strerror}; choose another --results"
        ) from None


def _write_tables(artifacts: Path, folder: str, outcome: TaskOutcome) -> dict[str, str]:
    """Write the tables beside what else a task made. Returns ``folder/NAME`` -> SHA-256 of all of it."""
    tables = dict(outcome.tables)
    if outcome.items is not None:
        tables["items"] = outcome.items
    if outcome.draws:
        from harness.statistics.draws import draws_table

        tables["draws"] = draws_table(outcome.draws)
    for name, table in tables.items():
        with atomic_path(artifacts / f"{name}.parquet") as temporary:
            table.to_parquet(temporary, index=False)
    hashes = {}
    for file in sorted(file for file in artifacts.rglob("*") if file.is_file()):
        with file.open("rb") as opened:
            digest = hashlib.file_digest(opened, "sha256").hexdigest()
        hashes[str(Path(folder, file.relative_to(artifacts)))] = digest
    return hashes


def _publish(record: ResultRecord, path: Path, work: Path) -> None:
    """Move the files into ``<cell id>/`` and write the record that names them.

    The record goes first and comes last: whoever finds one finds its files.
    """
    prepared = work / "record.json"
    write_text(prepared, record.to_json())  # before anything is moved: a full disk shows here
    if record.status == "done":
        path.unlink(missing_ok=True)
        kept, replaced = path.with_suffix(""), work / "replaced"
        if kept.exists():
            shutil.rmtree(replaced, ignore_errors=True)
            kept.replace(replaced)
        (work / "artifacts").replace(kept)
    prepared.replace(path)


def _record(
    cell: Cell,
    status: Status,
    device: str,
    *,
    error: str | None = None,
    outcome: TaskOutcome | None = None,
    files: dict[str, str] | None = None,
    seconds: dict[str, float] | None = None,
) -> ResultRecord:
    settings = cell.settings.model_dump(mode="json")
    layers, seeds, limit = (settings.pop(name, None) for name in ("layers", "seeds", "limit"))
    card, dataset = cell.task.card_on(cell.dataset), cell.dataset
    skipped = dict(dataset.skipped)
    for reason, count in (outcome.skipped if outcome else {}).items():
        skipped[reason] = skipped.get(reason, 0) + count
    return ResultRecord(
        cell=cell.identity,
        status=status,
        error=error,
        model=ModelEntry(
            card=cell.model.card,
            identity=cell.model_identity,
            dtype=cell.options.dtype,
            attention_kernel=cell.model.attention_kernel,
            unread_tensors=cell.model.unread_tensors,
        ),
        task=TaskEntry(
            name=card.name,
            version=card.version,
            headline=card.headline,
            columns=card.columns,
            plotted_against=card.plotted_against,
            question=card.question,
            how_to_read=card.how_to_read,
            labels=card.labels,
        ),
        dataset=DatasetEntry(
            name=dataset.card.name,
            summary=dataset.card.summary,
            source=dataset.card.source,
            licence=dataset.card.licence,
            simulated=dataset.card.simulated,
            fingerprint=dataset.fingerprint,
            records=len(dataset.records),
            used=outcome.used if outcome else 0,
            skipped=skipped,
            replaced_letters=dataset.replaced_letters,
        ),
        settings=settings,
        layers=layers,
        seeds=seeds,
        limit=limit,
        control_of=tuple(asked.model.card.name for asked in cell.control_of),
        **_told(outcome),
        files=dict(files or {}),
        environment=describe(device, seconds or {}),
    ).sealed()


def _told(outcome: TaskOutcome | None) -> dict[str, Any]:
    """What the outcome says, by the names of the record; nothing where the cell did not get so far."""
    if outcome is None:
        return {}
    return {
        "basis": outcome.basis,
        "metrics": outcome.metrics,
        "table": tuple(outcome.table),
        "roles": outcome.roles,
        "selected": outcome.selected,
        "warnings": tuple(outcome.warnings),
        "notes": tuple(outcome.notes),
        "highlights": outcome.highlights,
    }
